use super::*;
use crate::docker::Protocol;
use serde_json::json;

/// Engine 20.10's output: a container, one that has stopped, and the three networks that are always there.
const PUBLISHED: &str = include_str!("../../tests/inspect/published-port.json");
/// Engine 28's, containers and networks saved one after another.
const MY_BRIDGE: &str = include_str!("../../tests/inspect/my-bridge.json");

fn directory(texts: &[&str]) -> Directory {
    let mut inspection = Inspection::default();
    for text in texts {
        inspection.add(text).unwrap();
    }
    inspection.directory()
}

fn error(text: &str) -> String {
    Inspection::default().add(text).unwrap_err()
}

fn name<'a>(directory: &'a Directory, network: Option<&str>, address: &str) -> Option<&'a str> {
    let network = network.map(|name| &directory.network_by_name(name).unwrap().id);
    let at = Timestamp::from_parts(1_795_000_000, 0);
    directory.container_at(network, address.parse().unwrap(), at).map(|found| found.name.as_str())
}

/// The objects of a file, each as text.
fn objects(text: &str) -> Vec<String> {
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let objects = documents.flat_map(|document| document.unwrap().as_array().unwrap().clone());
    objects.map(|object| object.to_string()).collect()
}

#[test]
fn everything_inspected_is_there_in_any_order() {
    let mut mixed = objects(PUBLISHED);
    mixed.reverse();
    for text in [PUBLISHED.to_owned(), format!("[{}]", mixed.join(",")), mixed.join("\n")] {
        let found = directory(&[&text]);
        assert_eq!(
            found.networks().map(|network| network.name.as_str()).collect::<Vec<_>>(),
            ["bridge", "host", "none"]
        );
        assert_eq!(found.containers().count(), 1, "one has stopped");
        assert_eq!(name(&found, Some("bridge"), "172.17.0.2"), Some("tutorial-container"));
        let bridge = found.network_by_interface("docker0").unwrap();
        // Only the container tells it.
        assert_eq!(bridge.gateways, ["172.17.0.1".parse::<IpAddr>().unwrap()]);
        let container = found.container_by_name("tutorial-container").unwrap();
        let ports: Vec<_> =
            container.published.iter().map(|at| (at.host_port, at.container_port, at.protocol)).collect();
        assert_eq!(ports, [(8080, 5000, Protocol::Tcp); 2]);
        assert_eq!((container.image.as_str(), &container.namespace), ("bridgetap-lab-busybox", &None));
    }
    let found = directory(&[MY_BRIDGE, PUBLISHED]);
    assert_eq!(found.containers().count(), 3);
    assert_eq!(name(&found, Some("my_bridge"), "172.18.0.3"), Some("container_b"));
    let container = found.container_by_name("container_a").unwrap();
    assert_eq!(container.endpoints[0].aliases, ["5e37057360a5", "db"]);
}

#[test]
fn containers_alone_tell_their_networks() {
    let objects = objects(MY_BRIDGE);
    let found = directory(&[&objects[..2].join(" ")]);
    let network = found.network_by_name("my_bridge").unwrap();
    assert_eq!((network.driver.as_str(), network.interface.as_deref()), ("bridge", Some("br-87eb9d6d1b71")));
    assert_eq!(network.subnets, [Subnet::parse("172.18.0.0/16").unwrap()]);
    assert_eq!(network.gateways, ["172.18.0.1".parse::<IpAddr>().unwrap()]);
    assert!(network.name_service);
    let default = directory(&[&self::objects(PUBLISHED)[0]]);
    let default = default.network_by_name("bridge").unwrap();
    assert_eq!((default.interface.as_deref(), default.name_service), (Some("docker0"), false));
}

#[test]
fn networks_alone_tell_their_containers() {
    let found = directory(&[&objects(MY_BRIDGE)[2]]);
    assert_eq!(found.containers().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["container_a", "container_b"]);
    let container = found.container_by_name("container_b").unwrap();
    assert_eq!(container.endpoints[0].mac.map(|mac| mac.to_string()).as_deref(), Some("02:42:ac:12:00:03"));
    assert_eq!(name(&found, None, "172.18.0.2"), Some("container_a"));
    let balancer =
        MY_BRIDGE.replace("\"99ac4a94a7b95895f15d005ffb142658b67e4f8818c05bab85d776aabc3c503d\": {", "\"lb-ov1\": {");
    assert_eq!(directory(&[&objects(&balancer)[2]]).containers().count(), 1, "a load balancer is no container");
}

#[test]
fn of_the_same_container_the_later_file_counts() {
    let renamed = PUBLISHED.replace("/tutorial-container", "/renamed");
    assert_eq!(name(&directory(&[PUBLISHED, &renamed]), None, "172.17.0.2"), Some("renamed"));
    let stopped = PUBLISHED.replace("\"Running\": true", "\"Running\": false");
    assert_eq!(name(&directory(&[PUBLISHED, &stopped]), None, "172.17.0.2"), None);
    assert_eq!(name(&directory(&[&stopped, PUBLISHED]), None, "172.17.0.2"), Some("tutorial-container"));
}

#[test]
fn a_file_shortened_by_hand_is_read() {
    let text = "\u{feff}{\"Id\":\"c1\",\"Name\":\"/web\",\"NetworkSettings\":{\"Networks\":{\"n\":{\"NetworkID\":\"n1\",\
                \"IPAddress\":\"10.0.0.2\",\"IPPrefixLen\":24}}}}";
    assert_eq!(name(&directory(&[text]), Some("n"), "10.0.0.2"), Some("web"));
}

#[test]
fn a_published_address_of_the_host_is_the_hosts() {
    let text = PUBLISHED.replacen("\"HostIp\": \"0.0.0.0\"", "\"HostIp\": \"10.88.0.1\"", 1);
    assert_eq!(directory(&[&text]).host_addresses(), ["10.88.0.1".parse::<IpAddr>().unwrap()]);
}

#[test]
fn what_is_something_else_is_said_with_what_was_expected() {
    const EXPECTED: &str = "; what is read is the output of docker inspect $(docker ps -q) $(docker network ls -q)";
    for (text, says) in [
        ("", "is empty"),
        ("\n", "is empty"),
        ("[]", "tells of no container and no network"),
        ("172.18.0.2 web", "no JSON: trailing characters at line 1 column 7"),
        ("[{\"Id\":", "the JSON ends too early"),
        ("{\"Id\": nonsense}", "no JSON: expected ident at line 1 column 9"),
        ("[1]", "element 1 is a number, and no object"),
        (
            r#"{"Command":"\"sh\"","ID":"2aeecacd2148","Names":"web","State":"running"}"#,
            "element 1 is a line of docker ps",
        ),
        (
            r#"{"Driver":"bridge","ID":"27c475473b8a","Name":"bridge","Scope":"local"}"#,
            "element 1 is a line of docker network ls",
        ),
        (r#"[{"Id":"sha256:06","RepoTags":[],"RootFS":{}}]"#, "element 1 is an image"),
        (r#"[{"Name":"data","Mountpoint":"/x","Driver":"local","Scope":"local"}]"#, "element 1 is a volume"),
        (r#"[{"bridgetap_directory":1}]"#, "element 1 is neither a container nor a network"),
    ] {
        let error = error(text);
        assert!(error.starts_with(says) && error.ends_with(EXPECTED), "{text}: {error}");
    }
    let text = format!("{PUBLISHED}[{{}}]");
    assert!(error(&text).starts_with("element 6 is neither"), "{}", error(&text));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (right, wrong, says) in [
        (
            "\"IPAddress\": \"172.17.0.2\",\n                    \"IPPrefixLen\"",
            "\"IPAddress\": \"172.17.0.300\",\n                    \"IPPrefixLen\"",
            "element 1 (container \"tutorial-container\"): NetworkSettings.Networks.bridge.IPAddress: \"172.17.0.300\" is not \
             an IP address",
        ),
        (
            "\"IPPrefixLen\": 16,\n                    \"IPv6Gateway\"",
            "\"IPPrefixLen\": \"16\",\n                    \"IPv6Gateway\"",
            "element 1 (container \"tutorial-container\"): NetworkSettings.Networks.bridge.IPPrefixLen: invalid type: string",
        ),
        (
            "\"HostPort\": \"8080\"\n                    },",
            "\"HostPort\": \"80800\"\n                    },",
            "NetworkSettings.Ports.5000/tcp.HostPort: \"80800\" is not a port",
        ),
        (
            "\"Subnet\": \"172.17.0.0/16\"",
            "\"Subnet\": \"172.17.0.0/33\"",
            "element 3 (network \"bridge\"): IPAM.Config, 1 of the list: Subnet: \"172.17.0.0/33\" is not a subnet",
        ),
        (
            "\"IPv4Address\": \"172.17.0.2/16\"",
            "\"IPv4Address\": \"nowhere\"",
            "element 3 (network \"bridge\"): Containers.2aee",
        ),
        ("\"Id\": \"27c47547", "\"Idx\": \"27c47547", "element 3 (network \"bridge\"): it has no Id"),
        ("\"Name\": \"/tutorial-container\"", "\"Name\": \"/\"", "element 1 (container \"\"): it has no Name"),
        (
            "\"Running\": true",
            "\"Running\": 1",
            "element 1 (container \"tutorial-container\"): State.Running: invalid type",
        ),
    ] {
        assert!(PUBLISHED.contains(right), "{right}");
        let error = error(&PUBLISHED.replace(right, wrong));
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn fields_that_names_do_not_need_may_be_anything() {
    let odd = PUBLISHED
        .replace("\"Name\": \"no\"", "\"Name\": \"a policy of tomorrow\"")
        .replace("\"Created\": \"", "\"Created\": \"x");
    assert_eq!(directory(&[&odd]).containers().count(), 1);
}

#[test]
fn no_file_makes_it_panic_and_none_may_be_too_large() {
    for end in (0..PUBLISHED.len()).step_by(97) {
        if let Some(cut) = PUBLISHED.get(..end) {
            error(cut);
        }
    }
    for text in objects(PUBLISHED) {
        let Value::Object(object) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        for name in object.keys() {
            for value in [Value::Null, json!(7), json!([]), json!({}), json!("x"), json!({"Networks": {"a": null}})] {
                let mut changed = object.clone();
                changed.insert(name.clone(), value);
                let _ = Inspection::default().add(&Value::Object(changed).to_string());
            }
        }
    }
    let long = " ".repeat(MAX_BYTES + 1);
    assert_eq!(error(&long), "has 33554433 bytes, and at most 33554432 are read");
    assert!(error(&format!("[{}1]", "1,".repeat(10))).contains("element 1 is a number"));
    let many = vec![r#"{"Id":"c1","Name":"/a","NetworkSettings":null}"#; MAX_OBJECTS + 1].join(" ");
    assert_eq!(error(&many), "has more than 65536 objects");
}
