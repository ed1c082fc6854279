//! A Directory for the tests of this room.

use crate::docker::{Directory, read_snapshot};

const SNAPSHOT: &str = r#"{"bridgetap_directory":1,"at":"2026-11-21T00:00:00Z","host_addresses":["10.88.0.1"],
 "networks":[{"id":"aa","name":"my_bridge","driver":"bridge","interface":"br-aa","subnets":["172.18.0.0/16"],
   "gateways":["172.18.0.1"],"name_service":true},
  {"id":"bb","name":"other","driver":"macvlan","subnets":["172.19.0.0/16","fd00:19::/64"],"name_service":true},
  {"id":"cc","name":"host","driver":"host"}],
 "containers":[
  {"id":"c1c1c1c1c1c1c1","name":"container_a","endpoints":[
    {"network":"aa","addresses":["172.18.0.2"],"mac":"02:42:ac:12:00:02"},
    {"network":"bb","addresses":["172.19.0.2"],"mac":"02:42:ac:13:00:02"}]},
  {"id":"c2c2c2c2c2c2c2","name":"container_b","endpoints":[
    {"network":"aa","addresses":["172.18.0.3"],"mac":"02:42:ac:12:00:03","aliases":["db"]}]},
  {"id":"d1","name":"shop-web-1","project":"shop","service":"web","endpoints":[{"network":"aa","addresses":["172.18.0.4"]}]},
  {"id":"d2","name":"shop-web-2","project":"shop","service":"web","endpoints":[{"network":"aa","addresses":["172.18.0.5"]}]},
  {"id":"e1","name":"six","endpoints":[
    {"network":"aa","addresses":["172.18.0.6","fd00::6"],"mac":"02:42:ac:12:00:06"}]},
  {"id":"e2","name":"on_host","endpoints":[]}]}"#;

/// `my_bridge` and `other`; `container_a` on both, `container_b` alias `db`, the service `web` of two, `six` with IPv6.
pub(super) fn directory() -> Directory {
    read_snapshot(SNAPSHOT).unwrap().apply(None)
}

/// The same, with something in the text exchanged, from the next day on.
pub(super) fn directory_with(before: &Directory, old: &str, new: &str) -> Directory {
    assert!(SNAPSHOT.contains(old), "{old}");
    let changed = SNAPSHOT.replace(old, new).replace("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
    read_snapshot(&changed).unwrap().apply(Some(before))
}
