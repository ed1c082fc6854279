use super::*;

/// As Engine 20.10 gives it, shortened.
const INSPECTED: &str = r#"{"Id":"3a2a906b1ae3","Name":"/web","Image":"sha256:0636","State":{"Running":true,"Pid":7},
 "Config":{"Image":"busybox","Labels":{"com.docker.compose.project":"p","com.docker.compose.service":"s"}},
 "HostConfig":{"Links":["/database:/web/db"]},
 "NetworkSettings":{"SandboxKey":"/var/run/docker/netns/42400eee97b5","Ports":{"99/tcp":null,
  "81/udp":[{"HostIp":"127.0.0.1","HostPort":"18081"}],
  "80/tcp":[{"HostIp":"::","HostPort":"18080"},{"HostIp":"0.0.0.0","HostPort":"18080"}]},
  "Networks":{"b":{"Aliases":null,"NetworkID":"bbb","IPAddress":"","GlobalIPv6Address":"","MacAddress":""},
   "a":{"Aliases":["db","3a2a906b1ae3"],"DNSNames":["web","db"],"Links":["cache:redis"],"NetworkID":"aaa","IPAddress":"172.18.0.2",
    "GlobalIPv6Address":"fd00::2","MacAddress":"02:42:ac:12:00:02"}}}}"#;

#[test]
fn an_inspected_container_is_whole() {
    let found = container(serde_json::from_str(INSPECTED).unwrap(), Some("/ns".into())).unwrap();
    assert_eq!((found.name.as_str(), found.image.as_str()), ("web", "busybox"));
    assert_eq!(found.compose, Some(("p".into(), "s".into())));
    let [a, b] = found.endpoints.as_slice() else { panic!("{:?}", found.endpoints) };
    assert_eq!(a.addresses, ["172.18.0.2".parse::<IpAddr>().unwrap(), "fd00::2".parse().unwrap()]);
    assert_eq!(a.aliases, ["3a2a906b1ae3", "db"]);
    assert!(b.addresses.is_empty() && b.mac.is_none());
    let ports: Vec<_> = found.published.iter().map(|port| (port.host_address.to_string(), port.host_port)).collect();
    assert_eq!(ports, [("0.0.0.0".into(), 18080), ("::".into(), 18080), ("127.0.0.1".into(), 18081)]);
    assert_eq!(found.published[2].protocol, Protocol::Udp);
    let links: Vec<_> = found.links.iter().map(|link| (link.container.as_str(), link.alias.as_str())).collect();
    assert_eq!(links, [("cache", "redis"), ("database", "db")]);
}

#[test]
fn a_stopped_container_is_none() {
    let stopped = INSPECTED.replace("\"Running\":true", "\"Running\":false");
    assert_eq!(container(serde_json::from_str(&stopped).unwrap(), None), None);
}

#[test]
fn a_listed_container_differs_in_aliases_links_and_namespace_only() {
    let listed = r#"{"Id":"3a2a906b1ae3","Names":["/other/alias","/web"],"Image":"busybox","Labels":
     {"com.docker.compose.project":"p","com.docker.compose.service":"s"},"Ports":[
      {"IP":"0.0.0.0","PrivatePort":80,"PublicPort":18080,"Type":"tcp"},{"PrivatePort":99,"Type":"tcp"},
      {"IP":"::","PrivatePort":80,"PublicPort":18080,"Type":"tcp"},
      {"IP":"127.0.0.1","PrivatePort":81,"PublicPort":18081,"Type":"udp"}],
     "NetworkSettings":{"Networks":{"b":{"NetworkID":"bbb"},"a":{"NetworkID":"aaa","IPAddress":"172.18.0.2",
      "GlobalIPv6Address":"fd00::2","MacAddress":"02:42:ac:12:00:02"}}}}"#;
    let listed = container_of_list(serde_json::from_str(listed).unwrap()).unwrap();
    let mut inspected = container(serde_json::from_str(INSPECTED).unwrap(), None).unwrap();
    inspected.endpoints[0].aliases.clear();
    inspected.links.clear();
    assert_eq!(listed, inspected);
}

#[test]
fn the_json_of_a_list_is_read() {
    let listed = read_list(include_str!("../../tests/inspect/listed.json")).unwrap();
    let [web, database] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((web.name.as_str(), database.name.as_str()), ("web", "database"));
    assert_eq!((web.published.len(), web.endpoints.len(), database.endpoints.len()), (4, 2, 0));
    assert!(web.published.iter().any(|port| port.protocol == Protocol::Sctp), "{:?}", web.published);
    assert!(read_list(r#"[{"Ports":[{"PrivatePort":65536}]}]"#).is_err());
}

fn host() -> HostInterfaces {
    let interfaces = [("docker0", "172.17.0.1"), ("podman1", "10.89.0.1")];
    HostInterfaces { addresses: interfaces.map(|(name, ip)| (name.into(), vec![ip.parse().unwrap()])).into() }
}

fn read(text: &str) -> Network {
    network(serde_json::from_str(text).unwrap(), &host()).unwrap()
}

#[test]
fn the_default_bridge_gets_the_gateway_that_the_daemon_leaves_out() {
    let bridge = read(
        r#"{"Id":"d3acee08c6b357f7","Name":"bridge","Driver":"bridge","IPAM":{"Config":[{"Subnet":"172.17.0.0/16"}]},
        "Options":{"com.docker.network.bridge.default_bridge":"true","com.docker.network.bridge.name":"docker0"}}"#,
    );
    assert_eq!(bridge.interface.as_deref(), Some("docker0"));
    assert_eq!(bridge.gateways, ["172.17.0.1".parse::<IpAddr>().unwrap()]);
    assert!(!bridge.name_service);
}

#[test]
fn bridges_are_named_by_option_id_or_gateway() {
    let with = |gateway: &str, options: &str| {
        read(&format!(
            r#"{{"Id":"46ce55046304a621","Name":"n","Driver":"bridge","Internal":true,"Options":{options},
            "IPAM":{{"Config":[{{"Subnet":"10.89.0.0/24","Gateway":"{gateway}"}}]}}}}"#
        ))
    };
    let user = with("10.1.0.1", "{}");
    assert_eq!(user.interface.as_deref(), Some("br-46ce55046304"));
    assert!(user.name_service && user.internal);
    assert_eq!(with("10.1.0.1", r#"{"com.docker.network.bridge.name":"x0"}"#).interface.as_deref(), Some("x0"));
    assert_eq!(with("10.89.0.1", "null").interface.as_deref(), Some("podman1"));
}

#[test]
fn only_bridges_have_one() {
    let none = read(r#"{"Id":"d1","Name":"none","Driver":"null","IPAM":{"Config":[]}}"#);
    assert_eq!((none.interface, none.name_service), (None, false));
    let overlay = read(r#"{"Id":"o1","Name":"o","Driver":"overlay","IPAM":{"Config":null}}"#);
    assert_eq!((overlay.interface, overlay.name_service), (None, true));
    let template = r#"{"Id":"t1","Name":"t","Driver":"macvlan","ConfigOnly":true}"#;
    assert_eq!(network(serde_json::from_str(template).unwrap(), &host()), None);
}
