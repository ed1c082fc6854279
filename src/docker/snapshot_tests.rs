use super::*;

const EXAMPLE: &str = r#"{"bridgetap_directory":1,"at":"2026-11-21T01:34:48.000000000Z","host_addresses":["10.88.0.1"],
 "networks":[{"id":"0123456789abcdef","name":"my_bridge","driver":"bridge","interface":"br-0123456789ab",
   "subnets":["172.18.0.0/16"],"gateways":["172.18.0.1"],"name_service":true,"internal":false,
   "scope":"local","options":{"com.docker.network.bridge.name":"br-0123456789ab"}}],
 "containers":[{"id":"fedcba9876543210","name":"container_a","image":"busybox","project":null,"service":null,
   "endpoints":[{"network":"0123456789abcdef","addresses":["172.18.0.2"],"mac":"02:42:ac:12:00:02","aliases":["db"]}],
   "published":[{"host_address":"0.0.0.0","host_port":80,"container_port":80,"protocol":"tcp"}],
   "links":[{"container":"database","alias":"db"}]}]}"#;

fn with(field: &str) -> String {
    format!(r#"{{"bridgetap_directory":1,"at":"2026-11-21T01:34:48Z",{field}}}"#)
}

#[test]
fn the_documented_example_is_read_and_written_alike() {
    let snapshot = read_snapshot(EXAMPLE).unwrap();
    assert_eq!(snapshot.at, Timestamp::from_parts(1_795_224_888, 0));
    let directory = snapshot.clone().apply(None);
    let address = "172.18.0.2".parse().unwrap();
    let container = directory.container_at(None, address, snapshot.at).unwrap();
    assert_eq!(container.name, "container_a");
    assert_eq!(container.endpoints[0].mac, MacAddr::parse("02:42:ac:12:00:02"));
    assert_eq!(container.published[0].protocol, Protocol::Tcp);
    let compact = EXAMPLE.lines().map(str::trim_start).collect::<String>();
    assert_eq!(write_snapshot(&directory, snapshot.at), compact);
}

#[test]
fn all_fields_survive_the_round_trip() {
    let field = r#""networks":[{"id":"n","name":"six","subnets":["fd00::/64","10.0.0.0/8"],"gateways":["fd00::1"],
        "internal":true,"scope":"swarm","options":{"a":"b"}}],"containers":[{"id":"c","links":[{"container":"x","alias":"y"}],"name":"é\u001b[31m","project":"p","service":"s",
        "endpoints":[{"network":"n","addresses":["10.0.0.2","fd00::2"]}],
        "published":[{"host_address":"::","host_port":53,"container_port":54,"protocol":"udp"}]}]"#;
    let first = read_snapshot(&with(field)).unwrap();
    assert_eq!(first.containers[0].compose, Some(("p".into(), "s".into())));
    let at = Timestamp::from_nanos(1_795_224_888_000_000_007);
    let again = read_snapshot(&write_snapshot(&first.clone().apply(None), at)).unwrap();
    assert_eq!(again, Snapshot { at, ..first });
}

#[test]
fn a_later_snapshot_follows_the_earlier() {
    let before = read_snapshot(EXAMPLE).unwrap().apply(None);
    let at = Timestamp::from_parts(1_795_224_900, 0);
    let renamed = EXAMPLE.replace("container_a", "renamed").replace("01:34:48.000000000", "01:35:00.000000000");
    let after = read_snapshot(&renamed).unwrap().apply(Some(&before));
    let name = |at| after.container_at(None, "172.18.0.2".parse().unwrap(), at).map(|found| found.name.clone());
    assert_eq!(name(at.saturating_sub(std::time::Duration::from_secs(1))).as_deref(), Some("container_a"));
    assert_eq!(name(at).as_deref(), Some("renamed"));
}

#[test]
fn unknown_fields_are_ignored_and_missing_ones_empty() {
    let snapshot = read_snapshot(&with(r#""more":[{}],"containers":[{"id":"c","name":"a","new":1}]"#)).unwrap();
    assert_eq!(snapshot.containers[0].endpoints, []);
    assert!(snapshot.networks.is_empty() && snapshot.host_addresses.is_empty());
}

#[test]
fn another_version_is_named() {
    let error = read_snapshot(r#"{"bridgetap_directory":2,"at":7,"networks":"no longer a list"}"#).unwrap_err();
    assert_eq!(error, SnapshotError::Version { found: 2 });
    assert!(error.to_string().contains("version 2") && error.to_string().contains("reads version 1"));
}

#[test]
fn hostile_texts_are_refused() {
    for length in 0..EXAMPLE.len() {
        assert!(read_snapshot(&EXAMPLE[..length]).is_err(), "{length}");
    }
    for field in [
        r#""host_addresses":["10.0.0.256"]"#,
        r#""networks":[{"id":"n","name":"a","subnets":["10.0.0.0/99"]}]"#,
        r#""containers":[{"id":"c","name":"a","endpoints":[{"network":"n","mac":"zz"}]}]"#,
        r#""containers":[{"id":"c","name":"a","published":[{"host_address":"::","host_port":65536}]}]"#,
        r#""containers":[{"id":"c"}]"#,
        r#""containers":{}"#,
    ] {
        assert!(read_snapshot(&with(field)).is_err(), "{field}");
    }
    for at in ["1969-12-31T23:59:59Z", "9000-01-01T00:00:00Z", "yesterday", ""] {
        let error = read_snapshot(&format!(r#"{{"bridgetap_directory":1,"at":"{at}"}}"#)).unwrap_err();
        assert!(matches!(error, SnapshotError::Value { field: "at", .. }), "{at}");
    }
    // Deep nesting is refused where it is read, and skipped without recursion where it is not.
    let deep = |field: &str| with(&format!(r#""{field}":{}{}"#, "[".repeat(100_000), "]".repeat(100_000)));
    assert!(read_snapshot(&deep("networks")).is_err());
    assert!(read_snapshot(&deep("unknown")).is_ok());
}

#[test]
fn sizes_are_bounded() {
    let one = r#"{"id":"c","name":"a"}"#;
    let many = |count| with(&format!(r#""containers":[{}]"#, vec![one; count].join(",")));
    assert_eq!(read_snapshot(&many(MAX_ENTRIES)).unwrap().apply(None).containers().count(), 1, "one id, one container");
    let error = read_snapshot(&many(MAX_ENTRIES + 1)).unwrap_err();
    assert_eq!(error, SnapshotError::TooMany { what: "containers", count: MAX_ENTRIES + 1 });
    let long = " ".repeat(MAX_BYTES + 1);
    assert_eq!(read_snapshot(&long).unwrap_err(), SnapshotError::TooLong { bytes: MAX_BYTES + 1 });
}

#[test]
fn every_time_can_be_written() {
    for at in [Timestamp::ZERO, Timestamp::MAX] {
        assert_eq!(read_snapshot(&write_snapshot(&Directory::default(), at)).unwrap().at, at);
    }
}
