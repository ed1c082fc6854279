use super::super::testing::{directory, directory_with};
use super::*;

fn resolved(text: &str) -> CaptureFilter {
    let mut filter = CaptureFilter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    filter.resolve(&directory(), None).unwrap_or_else(|error| panic!("{text}: {error}"));
    filter.check().unwrap_or_else(|error| panic!("{text} as {}: {error}", filter.text(None)));
    filter
}

fn refused(text: &str) -> (String, String) {
    let checked = CaptureFilter::parse(text)
        .and_then(|mut filter| filter.resolve(&directory(), None).map(|()| filter))
        .and_then(|filter| filter.check());
    let error = checked.unwrap_err();
    (error.what.clone(), text.get(error.span).unwrap().to_owned())
}

#[test]
fn names_become_addresses_that_libpcap_takes() {
    for (text, expected) in [
        ("host container_a and port 80", "host (172.18.0.2 or 172.19.0.2) and port 80"),
        ("src container_b", "src 172.18.0.3"),
        ("dst host web", "dst host (172.18.0.4 or 172.18.0.5)"),
        ("net my_bridge", "net 172.18.0.0/16"),
        ("net other", "net (172.19.0.0/16 or fd00:19::/64)"),
        ("src other", "src net (172.19.0.0/16 or fd00:19::/64)"),
        ("ip net other", "ip net 172.19.0.0/16"),
        ("service web", "host (172.18.0.4 or 172.18.0.5)"),
        ("src service web and tcp", "src host (172.18.0.4 or 172.18.0.5) and tcp"),
        ("not host db", "not host 172.18.0.3"),
        ("ether src host container_a", "ether src host (02:42:ac:12:00:02 or 02:42:ac:13:00:02)"),
        (
            "ip6 host six and not arp",
            "ip6 host (fd00::6 or fe80::42:acff:fe12:6 or ff02::1:ff00:6 or ff02::1:ff12:6) and not arp",
        ),
        ("ip6 host container_b", "ip6 host 100::"),
        ("src host container_b or container_a", "src host 172.18.0.3 or src host (172.18.0.2 or 172.19.0.2)"),
        ("host (container_a or db)", "host (172.18.0.2 or 172.19.0.2 or 172.18.0.3)"),
        ("host (db or container_a)", "host (172.18.0.3 or (172.18.0.2 or 172.19.0.2))"),
        ("host (not container_a and not db)", "host (not (172.18.0.2 or 172.19.0.2) and not 172.18.0.3)"),
        ("container_b && !my_bridge", "host 172.18.0.3 && !net 172.18.0.0/16"),
        ("host \"host\"", "host (10.88.0.1 or 172.18.0.1)"),
        ("host docker-dns or 10.0.0.1", "host 127.0.0.11 or 10.0.0.1"),
        ("host container_a or 10.0.0.1", "host (172.18.0.2 or 172.19.0.2) or 10.0.0.1"),
    ] {
        assert_eq!(resolved(text).text(None), expected, "{text}");
    }
}

#[test]
fn a_filter_that_is_wrong_is_pointed_at() {
    for (text, word, what) in [
        (
            "host containr_a and port 80",
            "containr_a",
            "no container, network or host is called containr_a; did you mean container_a?",
        ),
        ("net my_brige", "my_brige", "no network is called my_brige; did you mean my_bridge?"),
        ("service wep", "wep", "no compose service is called wep; did you mean web?"),
        ("host zzzzz", "zzzzz", "no container, network or host is called zzzzz; docker ps shows those there are"),
        ("host my_bridge", "my_bridge", "my_bridge is a network: write net my_bridge"),
        ("net container_a", "container_a", "container_a is a container: write host container_a"),
        ("host (db or my_bridge)", "my_bridge", "my_bridge is a network: write net my_bridge"),
        ("host on_host", "on_host", "on_host has no address of its own, as one on the network host or none has not"),
        ("net host", "host", "host has no address of its own, as one on the network host or none has not"),
        ("host c", "c", "c may be any of container_a (c1c1c1c1c1c1), container_b (c2c2c2c2c2c2)"),
        ("host container_a andd port 80", "andd", "andd does not belong here; did you mean and?"),
        ("host container_a and", "", "something is missing at the end; man 7 pcap-filter has the syntax"),
        ("src net my_bridge and prot 80", "prot", "no network is called prot; did you mean port?"),
        ("host container_a and port htp", "htp", "libpcap says: unknown port 'htp'"),
        ("(host container_a", "", "something is missing at the end; man 7 pcap-filter has the syntax"),
        ("host container_a)", ")", "this does not belong here; man 7 pcap-filter has the syntax"),
        ("tcp host container_a", "host", "libpcap says: 'tcp' modifier applied to host"),
        ("ether src my_bridge", "my_bridge", "my_bridge is a network, which has no MAC address; leave out ether"),
        ("host \"container_a", "\"container_a", "this quote is not closed"),
    ] {
        assert_eq!(refused(text), (what.to_owned(), word.to_owned()), "{text}");
    }
}

#[test]
fn it_follows_who_is_named() {
    let before = directory();
    let mut filter = resolved("host container_b");
    let moved = directory_with(&before, "172.18.0.3", "172.18.0.77");
    assert!(filter.follow(&moved));
    assert_eq!(filter.text(None), "host 172.18.0.77");
    assert!(!filter.follow(&moved), "nothing changed");
    // Its last packets are still to come.
    let gone = directory_with(&moved, "container_b", "renamed").with_container(
        &crate::docker::ContainerId("c2c2c2c2c2c2c2".into()),
        None,
        crate::time::Timestamp::MAX,
    );
    assert!(!filter.follow(&gone));
    assert_eq!(filter.text(None), "host 172.18.0.77");
    // Who gets its address is somebody else.
    let taken = directory_with(&gone, "container_b", "renamed");
    let taken = directory_with(&taken, "172.18.0.5", "172.18.0.77").with_container(
        &crate::docker::ContainerId("c2c2c2c2c2c2c2".into()),
        None,
        crate::time::Timestamp::MAX,
    );
    assert!(filter.follow(&taken));
    assert_eq!(filter.text(None), "host 240.0.0.0");
    filter.check().unwrap();
}

#[test]
fn an_expression_without_names_stays_as_it_is() {
    for text in [
        "",
        "  tcp\tport 80 ",
        "tcp[13]&2!=0&&(len<=100||!udp)",
        "ether host 02:42:ac:12:00:02 or vlan 5",
        "port http or https and net 10.1",
        "src or dst portrange 1-1024",
    ] {
        let filter = CaptureFilter::parse(text).unwrap();
        assert_eq!(filter.text(None), text);
    }
}

/// Numbers that look random and are the same each time: splitmix64.
fn below(seed: &mut u64, end: usize) -> usize {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) % end as u64) as usize
}

#[test]
fn whatever_is_written_nothing_panics_and_only_names_change() {
    const WORDS: &[&str] = &[
        "host",
        "net",
        "src",
        "dst",
        "port",
        "(",
        ")",
        "and",
        "or",
        "not",
        "!",
        "&&",
        "||",
        "tcp",
        "ether",
        "ip6",
        "service",
        "container_a",
        "my_bridge",
        "web",
        "10.0.0.1",
        "10.0.0.0",
        "/",
        "8",
        "53",
        "\"db\"",
        "[",
        "]",
        "=",
        "len",
        "proto",
        "\\tcp",
        "02:42:ac:12:00:02",
        "fd00::6",
        "é",
        "\"",
        "mask",
        "vlan",
        "53-80",
        "-",
    ];
    let directory = directory();
    let (mut seed, mut accepted, mut with_names) = (7, 0, 0);
    for _ in 0..4000 {
        let words: Vec<_> = (0..=below(&mut seed, 8)).map(|_| WORDS[below(&mut seed, WORDS.len())]).collect();
        let text = words.join(if below(&mut seed, 4) == 0 { "" } else { " " });
        let Ok(mut filter) = CaptureFilter::parse(&text) else { continue };
        let has_names = filter.expression.operands.iter().any(|operand| operand.is_name);
        if filter.resolve(&directory, None).is_err() {
            continue;
        }
        accepted += 1;
        with_names += u32::from(has_names);
        let owner = directory.container_by_name("container_a").map(AsRef::as_ref);
        let (plain, inside) = (filter.text(None), filter.text(owner));
        if !has_names && !text.contains("service") {
            assert_eq!(plain, text);
        }
        // What libpcap takes outside of a namespace it takes inside too.
        if bpf::check(&plain, LinkType::ETHERNET).is_ok() && !text.trim().is_empty() {
            assert_eq!(bpf::check(&inside, LinkType::ETHERNET), Ok(()), "{text} inside is {inside}");
        } else {
            // libpcap's resolver says these when it was asked.
            let why = filter.check().err().map_or(String::new(), |error| error.what);
            for asked in ["unknown host", "unknown network", "unknown ether host"] {
                assert!(!why.contains(asked), "{text} is {plain}: {why}");
            }
        }
    }
    assert!(accepted > 400 && with_names > 100, "{accepted}, {with_names}");
}
