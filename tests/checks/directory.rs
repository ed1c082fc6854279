//! The Directory: from `docker inspect`, and from the snapshots and facts that a capture file carries.

use std::net::IpAddr;
use std::sync::Arc;

use bridgetap::capture::{Frame, LinkType, Tap, TapId};
use bridgetap::docker::{Directory, Inspection, Snapshot, read_list, read_snapshot, write_snapshot};
use bridgetap::host::Kept;
use bridgetap::render::{Layout, TreeWriter, documents};
use bridgetap::time::Timestamp;
use bridgetap::topology::{Selection, Sights, build, changes};
use bridgetap::track::Limits;

use super::output::{assert_json_lines, assert_text, assert_told};
use super::telling::Teller;

/// JSON in any of the four forms.
pub fn directory(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut inspection = Inspection::default();
    match inspection.add(&text) {
        Ok(()) => used(&inspection.directory()),
        Err(error) => assert!(!error.is_empty() && error.len() < 4096, "{} bytes of error", error.len()),
    }
    if let Ok(listed) = read_list(&text) {
        used(&Directory::from_listing(Vec::new(), listed, Vec::new(), Timestamp::ZERO));
    }
    match read_snapshot(&text) {
        Ok(snapshot) => {
            let at = snapshot.at;
            let first = snapshot.clone().apply(None);
            // The same once more changes nothing; then a Directory as it is after a change.
            let second = snapshot.apply(Some(&first));
            assert_eq!(Snapshot::of(&first, at), Snapshot::of(&second, at));
            used(&second);
        }
        Err(error) => assert!(error.to_string().len() < 4096, "{error}"),
    }
    if let Ok(kept) = Kept::read(&text) {
        assert_eq!(Kept::read(&kept.write()).as_ref(), Ok(&kept), "what is kept is read again");
    }
}

/// What a Directory is asked for, and every form in which it is written.
fn used(directory: &Directory) {
    let at = Timestamp::from_nanos(1_700_000_000_000_000_000);
    let written = write_snapshot(directory, at);
    let read = read_snapshot(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    let again = read.clone().apply(None);
    assert_eq!(read, Snapshot::of(directory, at));
    assert_eq!(write_snapshot(&again, at), written, "it is written as it was read");
    let mut asked: Vec<IpAddr> = directory.host_addresses().to_vec();
    for container in directory.containers() {
        for endpoint in &container.endpoints {
            asked.extend(&endpoint.addresses);
            for &address in &endpoint.addresses {
                let found = directory.container_at(Some(&endpoint.network), address, at);
                assert!(found.is_some(), "{address} is somebody's");
            }
        }
        assert!(directory.container(&container.id).is_some() && directory.container_by_name(&container.name).is_some());
        let _ = directory.find_container(&container.name);
    }
    for network in directory.networks() {
        assert!(directory.network(&network.id).is_some() && directory.network_by_name(&network.name).is_some());
        asked.extend(&network.gateways);
    }
    for address in asked {
        let _ = (directory.network_containing(address), directory.is_gateway(None, address));
    }
    drawn(directory, at);
    told(directory);
}

/// The tree of `networks`, as text and as JSON, and what changed.
fn drawn(directory: &Directory, at: Timestamp) {
    let (all, _) = Selection::resolve(&[], directory);
    let topology = build(directory, &Sights::default(), &all);
    let mut json = Vec::new();
    documents::networks(&topology, at, &mut json).unwrap();
    let nothing = build(&Directory::default(), &Sights::default(), &all);
    for width in [None, Some(60)] {
        let mut tree = TreeWriter::new(Vec::new(), Layout { width, ..Layout::default() });
        tree.topology(&topology).unwrap();
        for change in changes(&nothing, &topology).iter().chain(&changes(&topology, &nothing)) {
            tree.change(change, at).unwrap();
            documents::change(change, at, &mut json).unwrap();
        }
        assert_text(tree.out(), false, "the tree");
    }
    assert_json_lines(&json, "the tree");
}

/// Names in the log: a ping between the first addresses, on the first network.
fn told(directory: &Directory) {
    let addresses = directory.containers().flat_map(|container| &container.endpoints);
    let mut addresses = addresses.flat_map(|endpoint| &endpoint.addresses).filter_map(|address| match address {
        IpAddr::V4(address) => Some(address.octets()),
        IpAddr::V6(_) => None,
    });
    let (from, to) = (addresses.next().unwrap_or([10, 0, 0, 1]), addresses.next().unwrap_or([10, 0, 0, 2]));
    let header = [0x45, 0, 0, 28, 0, 7, 0, 0, 64, 1, 0, 0];
    let ping = [&header[..], &from, &to, &[8, 0, 0, 0, 0, 1, 0, 1]].concat();
    let network = directory.networks().next();
    let tap = Tap {
        interface: network.and_then(|network| network.interface.clone()).unwrap_or_default(),
        network: network.map(|network| network.name.clone()),
        namespace: directory.containers().next().map(|container| container.name.clone()),
        link: LinkType::RAW,
        aside: None,
    };
    let layout = Layout { hops: true, link_level: true, ..Layout::default() };
    let mut teller = Teller::new(layout, Limits::default()).with_directory(Arc::new(directory.clone()));
    let at = Timestamp::from_nanos(1_700_000_000_000_000_000);
    teller.frame(&Frame { number: 1, at, wire_len: 28, bytes: &ping, link: tap.link, tap: TapId(0) }, &tap);
    let names: usize = directory.containers().map(|container| container.name.len()).sum();
    let networks: usize = directory.networks().map(|network| network.name.len()).sum();
    assert_told(&teller.finish().0, layout, 28 + names + networks, "a ping");
}
