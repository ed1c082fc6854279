use super::*;

fn endpoint(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn tuple(source: &str, destination: &str) -> Tuple {
    Tuple { source: endpoint(source), destination: endpoint(destination) }
}

fn seconds(seconds: u64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

/// `-p 8080:5000`, asked from another machine.
fn dnat(port: u16, at: u64, state: State) -> Translation {
    Translation {
        protocol: Protocol::Tcp,
        original: tuple(&format!("10.88.0.2:{port}"), "10.88.0.1:8080"),
        reply: tuple("172.17.0.2:5000", &format!("10.88.0.2:{port}")),
        at: seconds(at),
        state,
    }
}

fn inside(table: &Translations, port: u16, at: u64) -> Option<SocketAddr> {
    let client = endpoint(&format!("10.88.0.2:{port}"));
    let found = table.after(Protocol::Tcp, client, endpoint("172.17.0.2:5000"), seconds(at))?;
    assert_eq!(found.original.source, client);
    Some(found.original.destination)
}

#[test]
fn a_connection_to_a_container_is_known_by_what_its_client_asked_for() {
    let mut table = Translations::default();
    table.insert(dnat(54816, 100, State::New));
    assert_eq!(inside(&table, 54816, 100), Some(endpoint("10.88.0.1:8080")));
    assert_eq!(inside(&table, 54817, 100), None);
    let udp = table.after(Protocol::Udp, endpoint("10.88.0.2:54816"), endpoint("172.17.0.2:5000"), seconds(100));
    assert_eq!(udp, None);
}

#[test]
fn what_was_asked_for_leads_to_the_container() {
    let mut table = Translations::default();
    table.insert(dnat(54816, 100, State::New));
    let (client, server) = (endpoint("10.88.0.2:54816"), endpoint("10.88.0.1:8080"));
    let found = table.before(Protocol::Tcp, client, server, seconds(100)).unwrap();
    assert_eq!(found.after(), tuple("10.88.0.2:54816", "172.17.0.2:5000"));
}

#[test]
fn a_masqueraded_client_is_known_by_the_address_that_it_got() {
    let mut table = Translations::default();
    let masqueraded = Translation {
        protocol: Protocol::Icmp,
        original: tuple("172.17.0.2:7", "10.88.0.2:7"),
        reply: tuple("10.88.0.2:9", "10.88.0.1:9"),
        at: seconds(1),
        state: State::New,
    };
    table.insert(masqueraded);
    let found = table.after(Protocol::Icmp, endpoint("10.88.0.1:9"), endpoint("10.88.0.2:9"), seconds(1)).unwrap();
    assert_eq!(found.original.source, endpoint("172.17.0.2:7"));
}

#[test]
fn a_connection_is_known_for_ten_seconds_after_its_end() {
    let mut table = Translations::default();
    table.insert(dnat(1, 100, State::New));
    table.insert(dnat(1, 200, State::Destroyed));
    assert!(inside(&table, 1, 210).is_some());
    assert_eq!(inside(&table, 1, 211), None);
    table.insert(dnat(2, 211, State::New));
    assert_eq!(table.len(), 1, "the room of the one that ended is free");
    assert_eq!((table.by_before.len(), table.by_after.len(), table.ended.len()), (1, 1, 0));
}

#[test]
fn a_packet_from_before_a_connection_is_not_of_it() {
    let mut table = Translations::default();
    table.insert(dnat(1, 100, State::New));
    assert!(inside(&table, 1, 99).is_some(), "the thread that listens may be a second late");
    assert_eq!(inside(&table, 1, 98), None);
    table.insert(dnat(2, 100, State::Listed));
    assert!(inside(&table, 2, 1).is_some(), "when it began is not known");
}

#[test]
fn a_port_that_is_used_again_leads_to_the_new_connection() {
    let mut table = Translations::default();
    table.insert(dnat(1, 100, State::New));
    let other = Translation { original: tuple("10.88.0.2:1", "10.88.0.1:8081"), ..dnat(1, 150, State::New) };
    table.insert(other);
    assert_eq!(inside(&table, 1, 151), Some(endpoint("10.88.0.1:8081")));
    assert_eq!(inside(&table, 1, 101), None, "the old one is not known any more, and not guessed");
    table.insert(dnat(1, 152, State::Destroyed));
    assert_eq!(inside(&table, 1, 400), Some(endpoint("10.88.0.1:8081")), "the end of the old one is not its end");
    assert_eq!(table.len(), 1);
}

#[test]
fn a_connection_that_is_not_translated_takes_no_room_and_ends_what_had_its_addresses() {
    let mut table = Translations::default();
    table.insert(dnat(1, 100, State::New));
    let direct = Translation { original: tuple("10.88.0.2:1", "172.17.0.2:5000"), ..dnat(1, 150, State::New) };
    assert!(!direct.is_translated());
    table.insert(direct);
    assert!(table.is_empty());
    assert_eq!(inside(&table, 1, 150), None);
}

#[test]
fn a_table_that_is_read_again_changes_nothing_that_is_known() {
    let mut table = Translations::default();
    table.insert(dnat(1, 100, State::New));
    table.insert(dnat(1, 150, State::Listed));
    assert_eq!(inside(&table, 1, 50), None, "its beginning is still known");
    assert_eq!(table.len(), 1);
}

#[test]
fn the_oldest_goes_at_the_cap_and_is_counted() {
    let mut table = Translations::new(3);
    for port in 1..=5 {
        table.insert(dnat(port, 100, State::New));
    }
    assert_eq!((table.len(), table.lost()), (3, 2));
    assert_eq!([1, 2, 3, 4, 5].map(|port| inside(&table, port, 100).is_some()), [false, false, true, true, true]);
    assert_eq!((table.by_before.len(), table.by_after.len()), (3, 3));
}
