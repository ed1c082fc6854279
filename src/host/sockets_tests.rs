use std::net::TcpListener;

use super::super::processes::tests::make;
use super::*;

const A: &str = "20c2b24ef429b6cbf60b7b56658b2de6c07d7400f609b8d32ee9a67be125da2d";
const B: &str = "aaaaaaaabbbbbbbbccccccccddddddddaaaaaaaabbbbbbbbccccccccdddddddd";

fn socket(inode: u32, state: u8, local: &str, remote: &str) -> (Protocol, Found) {
    let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
    let found = Found { local, remote, state, inode, queued: (0, 0), bytes: None, is_dual: true };
    (Protocol::Tcp, found)
}

fn table(sockets: Vec<(Protocol, Found)>, owners: &[(u32, &str)]) -> (LocalSockets, Refreshed) {
    let owners = owners.iter().map(|(inode, container)| (*inode, Some(Arc::from(*container)))).collect();
    let mut refreshed = Refreshed::default();
    let endpoints = endpoints(sockets, &owners, &mut refreshed);
    let mut table = LocalSockets::open().unwrap();
    table.owners = SocketOwners(endpoints);
    (table, refreshed)
}

fn owner<'a>(table: &'a LocalSockets, address: &str, port: u16) -> Option<&'a str> {
    table.owners().owner(Protocol::Tcp, address.parse().unwrap(), port)
}

#[test]
fn a_socket_on_any_address_is_found_by_each() {
    let sockets = vec![socket(1, LISTEN, "0.0.0.0:80", "0.0.0.0:0"), socket(2, LISTEN, "[::]:81", "[::]:0")];
    let (table, refreshed) = table(sockets, &[(1, A), (2, B)]);
    assert_eq!(owner(&table, "10.0.0.1", 80), Some(A));
    assert_eq!(owner(&table, "::ffff:10.0.0.1", 80), Some(A));
    assert_eq!(owner(&table, "fd00::1", 80), None, "a socket of IPv4 takes no IPv6");
    assert_eq!([owner(&table, "fd00::1", 81), owner(&table, "127.0.0.1", 81)], [Some(B); 2]);
    assert_eq!(table.owners().owner(Protocol::Udp, "10.0.0.1".parse().unwrap(), 80), None);
    assert_eq!(refreshed, Refreshed { of_containers: 3, lost: 0, unreadable: 0 });
}

#[test]
fn a_socket_of_the_host_stands_before_a_container_s_on_any_address() {
    let sockets = vec![socket(1, LISTEN, "0.0.0.0:80", "0.0.0.0:0"), socket(7, LISTEN, "127.0.0.1:80", "0.0.0.0:0")];
    let (table, _) = table(sockets, &[(1, A)]);
    assert_eq!(owner(&table, "127.0.0.1", 80), None);
    assert_eq!(owner(&table, "127.0.0.2", 80), Some(A));
}

#[test]
fn a_client_in_a_container_is_known_by_its_own_port() {
    let sockets = vec![socket(0, 1, "10.0.0.1:40001", "10.0.0.9:80"), socket(3, 1, "10.0.0.1:40000", "10.0.0.9:80")];
    let (table, _) = table(sockets, &[(3, A)]);
    assert_eq!(owner(&table, "10.0.0.1", 40000), Some(A));
    assert_eq!(owner(&table, "10.0.0.1", 40001), None);
}

#[test]
fn what_two_containers_share_is_nobody_s() {
    let any = "0.0.0.0:80";
    let (shared, _) =
        table(vec![socket(1, LISTEN, any, "0.0.0.0:0"), socket(2, LISTEN, any, "0.0.0.0:0")], &[(1, A), (2, B)]);
    assert_eq!(owner(&shared, "10.0.0.1", 80), None);
    let (workers, _) =
        table(vec![socket(1, LISTEN, any, "0.0.0.0:0"), socket(2, LISTEN, any, "0.0.0.0:0")], &[(1, A), (2, A)]);
    assert_eq!(owner(&workers, "10.0.0.1", 80), Some(A));
}

#[test]
fn at_the_cap_what_listens_is_kept_and_the_rest_counted() {
    let mut sockets: Vec<_> = (0..70_000_u32)
        .map(|at| socket(at + 2, 1, &format!("10.{}.{}.1:{}", at >> 14, (at >> 6) & 255, 1 + (at & 63)), "10.0.0.9:80"))
        .collect();
    sockets.push(socket(1, LISTEN, "0.0.0.0:80", "0.0.0.0:0"));
    let owners: Vec<_> = (1..70_002).map(|inode| (inode, A)).collect();
    let (table, refreshed) = table(sockets, &owners);
    assert_eq!((refreshed.of_containers, refreshed.lost), (65_536, 70_001 - 65_536));
    assert_eq!(owner(&table, "192.0.2.1", 80), Some(A));
}

#[test]
fn a_socket_leads_to_its_process_and_its_container() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = listener.local_addr().unwrap();
    let question = Question {
        protocol: Protocol::Tcp,
        family: Family::V4,
        states: WITH_PROCESS,
        local_port: local.port(),
        remote_port: 0,
    };
    let inode = Diag::open().unwrap().sockets(&question).unwrap()[0].inode;
    let root = tempfile::tempdir().unwrap();
    make(root.path(), "self", 1, "0::/system.slice/bridgetap.service\n", "bridgetap", &[]);
    make(root.path(), "7", 1, &format!("0::/system.slice/docker-{A}.scope\n"), "nginx", &[inode]);
    make(root.path(), "8", 2, &format!("0::/system.slice/docker-{B}.scope\n"), "nginx", &[inode]);
    make(root.path(), "9", 1, "0::/system.slice/ssh.service\n", "sshd", &[inode]);
    let mut table = LocalSockets::open().unwrap();
    table.processes = Processes::below(root.path()).unwrap();
    let refreshed = table.refresh().unwrap();
    assert_eq!(refreshed, Refreshed { of_containers: 1, lost: 0, unreadable: 0 });
    assert_eq!(table.owners().owner(Protocol::Tcp, local.ip(), local.port()), Some(A));
    assert_eq!(table.owners().owner(Protocol::Tcp, local.ip(), 1), None);
}

#[test]
fn a_capture_file_keeps_what_matters_and_knows_the_same() {
    let sockets = vec![
        socket(1, LISTEN, "0.0.0.0:80", "0.0.0.0:0"),
        socket(2, LISTEN, "127.0.0.1:80", "0.0.0.0:0"),
        socket(3, LISTEN, "0.0.0.0:22", "0.0.0.0:0"),
    ];
    let (table, _) = table(sockets, &[(1, A)]);
    let (kept, is_all) = table.owners().kept(10);
    assert!(is_all && kept.iter().all(|socket| socket.local.port() == 80), "{kept:?}");
    let read = SocketOwners::read(&kept);
    let owner = |address: &str| read.owner(Protocol::Tcp, address.parse().unwrap(), 80).map(str::to_owned);
    assert_eq!((owner("10.0.0.1").as_deref(), owner("127.0.0.1")), (Some(A), None));
    assert_eq!(table.owners().kept(1), (kept[..1].to_vec(), false));
}
