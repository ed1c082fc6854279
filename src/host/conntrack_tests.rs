use super::*;

/// As the kernel (6.18) sent them. From another machine to `-p 8080:5000`.
const DNAT: &str = "c4000000000100060000000000000000020000003400018014000180080001000a580002080002000a5800011c000280050001000600000006000200d6200000060003001f900000340002801400018008000100ac110002080002000a5800021c0002800500010006000000060002001388000006000300d620000008000c0049a2bd2c08000300000001a80800070000000078300004802c0001800500010001000000050002000a000000050003000000000006000400030000000600050000000000";
/// `ping 10.88.0.2` in a container, masqueraded.
const PING: &str = "a4000000000100060000000000000000020000003c0001801400018008000100ac110002080002000a58000224000280050001000100000006000400045b0000050005000800000005000600000000003c00028014000180080001000a580002080002000a58000124000280050001000100000006000400045b00000500050000000000050006000000000008000c008f5c66bd0800030000000198080007000000001e";
/// From the host to `[::1]:8080`, where ip6tables has a rule that looks at connections.
const V6: &str = "f40000000001000600000000000000000a0000004c0001802c000180140003000000000000000000000000000000000114000400000000000000000000000000000000011c0002800500010006000000060002009c410000060003001f9000004c0002802c000180140003000000000000000000000000000000000114000400000000000000000000000000000000011c0002800500010006000000060002001f900000060003009c41000008000c000af7aa4808000300000000080800070000000078300004802c0001800500010001000000050002000a000000050003000000000006000400030000000600050000000000";
/// A part of the table: the ping again, docker-proxy's connection, and the first of these.
const TABLE: &str = "b4000000000102000500000029d4baa2020000003c0001801400018008000100ac110002080002000a58000224000280050001000100000006000400045b0000050005000800000005000600000000003c00028014000180080001000a580002080002000a58000124000280050001000100000006000400045b000005000500000000000500060000000000080003000000019a080008000000000008000c008f5c66bd08000b0000000001080007000000001cd4000000000102000500000029d4baa202000000340001801400018008000100ac11000108000200ac1100021c000280050001000600000006000200b0b000000600030013880000340002801400018008000100ac11000208000200ac1100011c0002800500010006000000060002001388000006000300b0b00000080003000000018e080008000000000008000c00480bee9a08000b00000000010800070000000076300004802c0001800500010007000000050002000a000000050003000a00000006000400230000000600050027000000d4000000000102000500000029d4baa2020000003400018014000180080001000a580002080002000a5800011c000280050001000600000006000200d6200000060003001f900000340002801400018008000100ac110002080002000a5800021c0002800500010006000000060002001388000006000300d620000008000300000001ae080008000000000008000c0049a2bd2c08000b00000000010800070000000076300004802c0001800500010007000000050002000a000000050003000a00000006000400230000000600050027000000";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn tuple(source: &str, destination: &str) -> Tuple {
    Tuple { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

fn read_all(bytes: &[u8]) -> Vec<Translation> {
    messages(bytes).filter_map(|message| read(&message, Timestamp::from_parts(5, 0))).collect()
}

// The kernel's headers are in the machine's byte order.
#[cfg(target_endian = "little")]
#[test]
fn a_published_port_is_told_with_its_client_and_its_container() {
    let [translation] = read_all(&bytes(DNAT))[..] else { panic!() };
    assert_eq!(
        translation,
        Translation {
            protocol: Protocol::Tcp,
            original: tuple("10.88.0.2:54816", "10.88.0.1:8080"),
            reply: tuple("172.17.0.2:5000", "10.88.0.2:54816"),
            at: Timestamp::from_parts(5, 0),
            state: State::New,
        }
    );
    assert!(translation.is_translated());
    assert_eq!(translation.after(), tuple("10.88.0.2:54816", "172.17.0.2:5000"));
}

#[cfg(target_endian = "little")]
#[test]
fn a_masqueraded_ping_has_its_identifier_for_a_port() {
    let [translation] = read_all(&bytes(PING))[..] else { panic!() };
    assert_eq!(translation.protocol, Protocol::Icmp);
    assert_eq!(translation.before(), tuple("172.17.0.2:1115", "10.88.0.2:1115"));
    assert_eq!(translation.after(), tuple("10.88.0.1:1115", "10.88.0.2:1115"));
}

#[cfg(target_endian = "little")]
#[test]
fn a_connection_of_ipv6_that_is_not_translated_is_told_too() {
    let [translation] = read_all(&bytes(V6))[..] else { panic!() };
    assert_eq!(translation.original, tuple("[::1]:40001", "[::1]:8080"));
    assert!(!translation.is_translated());
}

#[cfg(target_endian = "little")]
#[test]
fn the_table_is_read_with_what_is_translated_in_it() {
    let all = read_all(&bytes(TABLE));
    let told: Vec<_> = all.iter().map(|one| (one.protocol, one.is_translated(), one.state)).collect();
    let (tcp, icmp) = (Protocol::Tcp, Protocol::Icmp);
    assert_eq!(told, [(icmp, true, State::Listed), (tcp, false, State::Listed), (tcp, true, State::Listed)]);
}

#[cfg(target_endian = "little")]
#[test]
fn the_end_of_a_connection_has_a_type_of_its_own() {
    let mut end = bytes(DNAT);
    end[4] = 2;
    assert_eq!(read_all(&end)[0].state, State::Destroyed);
    end[4] = 3;
    assert_eq!(read_all(&end), [], "IPCTNL_MSG_CT_GET_CTRZERO is none of these");
}

#[cfg(target_endian = "little")]
#[test]
fn other_protocols_are_left_out() {
    let mut sctp = bytes(DNAT);
    for at in 0..sctp.len() - 5 {
        // CTA_PROTO_NUM of TCP.
        if sctp[at..at + 5] == [5, 0, 1, 0, 6] {
            sctp[at + 4] = 132;
        }
    }
    assert_eq!(read_all(&sctp), []);
}

#[test]
fn a_message_that_is_cut_or_spoiled_anywhere_is_read_without_harm() {
    for whole in [DNAT, PING, V6, TABLE].map(bytes) {
        for length in 0..whole.len() {
            read_all(&whole[..length]);
            // The header's length made to fit, so that what is cut is an attribute.
            let mut cut = whole[..length].to_vec();
            if length >= 16 {
                cut[..4].copy_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
            }
            read_all(&cut);
            for value in [0, 1, 3, 4, 0x7f, 0x80, 0xff] {
                let mut spoiled = whole.clone();
                spoiled[length] = value;
                read_all(&spoiled);
            }
        }
    }
}

#[test]
fn without_the_right_to_it_the_error_says_so() {
    use std::os::unix::fs::MetadataExt;
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let is_initial = std::fs::read_to_string("/proc/self/uid_map").unwrap().contains("4294967295");
    // Root of a container may lack the capability, and the kernel the module.
    match Conntrack::open().map(drop) {
        Ok(()) => assert!(is_root && is_initial),
        Err(error) => {
            let said = error.to_string();
            let remedy = match is_initial {
                true => ["CAP_NET_ADMIN", "modprobe nf_conntrack_netlink"].iter().any(|remedy| said.contains(remedy)),
                false => said.contains("from this user namespace"),
            };
            assert!(remedy && said.contains("the daemon's list"), "{said}");
        }
    }
}
