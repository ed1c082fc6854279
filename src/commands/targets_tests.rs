use super::*;
use crate::docker::{ContainerId, NetworkId};
use crate::time::Timestamp;

fn network(id: &str, name: &str, interface: Option<&str>) -> Network {
    Network {
        id: NetworkId(id.into()),
        name: name.into(),
        driver: "bridge".into(),
        interface: interface.map(str::to_owned),
        subnets: Vec::new(),
        gateways: Vec::new(),
        name_service: true,
        internal: false,
        scope: "local".into(),
        options: std::collections::BTreeMap::new(),
    }
}

fn container(id: &str, name: &str, compose: Option<(&str, &str)>) -> Container {
    Container {
        id: ContainerId(id.into()),
        name: name.into(),
        image: String::new(),
        compose: compose.map(|(project, service)| (project.into(), service.into())),
        endpoints: Vec::new(),
        published: Vec::new(),
        links: Vec::new(),
        namespace: None,
    }
}

const INTERFACES: [&str; 5] = ["lo", "docker0", "br-a", "gw", "both"];

fn directory() -> Directory {
    let networks = vec![
        network("aa11000000000000", "my_bridge", Some("br-a")),
        network("aa22000000000000", "twins", Some("br-b")),
        network("aa33000000000000", "twins", Some("br-c")),
        network("bb00000000000000", "both", Some("br-d")),
        network("cc00000000000000", "gw", Some("gw")),
        network("bce0ih2nbe7s82m7", "overlay", None),
        network("dd00000000000000", "web", Some("br-e")),
    ];
    let containers = vec![
        container("aa44000000000000", "container_a", None),
        container("ee00000000000000", "web", None),
        container("ee01000000000000", "shop-api-1", Some(("shop", "api"))),
        container("ee02000000000000", "shop-api-2", Some(("shop", "api"))),
        container("ee03000000000000", "blog-api-1", Some(("blog", "api"))),
        container("ee04000000000000", "cache", Some(("shop", "cache"))),
    ];
    Directory::from_listing(networks, containers, Vec::new(), Timestamp::ZERO)
}

fn resolve(typed: &str) -> Result<Subject, Unresolved> {
    let interfaces = INTERFACES.map(str::to_owned);
    Target::read(typed).unwrap().resolve(&directory(), &interfaces)
}

/// What it came to, in the form that is accepted.
fn found(typed: &str) -> String {
    match resolve(typed) {
        Ok(subject) => subject.accepted_form(std::slice::from_ref(&subject)),
        Err(Unresolved::Ambiguous(forms)) => forms.join(" or "),
        Err(Unresolved::Missing) => "missing".into(),
    }
}

#[test]
fn a_name_is_found_among_all_kinds() {
    for (typed, expected) in [
        ("my_bridge", "net:my_bridge"),
        ("container_a", "container:container_a"),
        ("lo", "if:lo"),
        ("any", "if:any"),
        ("shop/api", "service:shop/api"),
        ("service:blog/api", "service:blog/api"),
        ("if:lo", "if:lo"),
        ("net:lo", "missing"),
        ("container:my_bridge", "missing"),
        ("elsewhere", "missing"),
    ] {
        assert_eq!(found(typed), expected, "{typed}");
    }
}

#[test]
fn a_bridge_stands_for_its_network() {
    assert_eq!(found("br-a"), "net:my_bridge");
    assert_eq!(found("if:br-a"), "net:my_bridge");
    assert_eq!(found("gw"), "net:gw");
}

#[test]
fn the_only_container_of_a_service_is_no_doubt() {
    assert_eq!(found("cache"), "container:cache");
    assert_eq!(found("service:cache"), "service:shop/cache");
}

#[test]
fn what_could_be_several_things_is_listed_in_forms_that_are_accepted() {
    for typed in ["web", "both", "api", "twins", "aa", "aa2", "ee0"] {
        let Err(Unresolved::Ambiguous(forms)) = resolve(typed) else {
            assert_eq!(typed, "aa2");
            continue;
        };
        assert!(forms.len() > 1, "{forms:?}");
        for form in &forms {
            assert_eq!(found(form).replace("net:twins", form), *form, "{typed}");
        }
    }
    assert_eq!(found("web"), "net:web or container:web");
    assert_eq!(found("both"), "net:both or if:both");
    assert_eq!(found("api"), "service:blog/api or service:shop/api");
    assert_eq!(found("twins"), "net:aa2200000000 or net:aa3300000000");
}

#[test]
fn the_beginning_of_an_id_will_do() {
    assert_eq!(found("aa44"), "container:container_a");
    assert_eq!(found("AA11"), "net:my_bridge");
    assert_eq!(found("bce0ih"), "net:overlay");
    assert_eq!(found("net:aa1"), "net:my_bridge");
    assert_eq!(
        found("aa"),
        "net:my_bridge or net:twins or net:twins or container:container_a"
            .replace("net:twins or net:twins", "net:aa2200000000 or net:aa3300000000")
    );
    assert_eq!(found("if:aa44"), "missing");
}

#[test]
fn what_is_no_target_is_refused() {
    for wrong in ["", "net:", "ney:my_bridge", "eth0:x"] {
        assert!(Target::read(wrong).is_err(), "{wrong}");
    }
    assert!(Target::read("volume:my_bridge").unwrap_err().contains("write net:, container:, service: or if:"));
    assert_eq!(Target::read("eth0:1"), Ok(Target { kind: None, name: "eth0:1".into() }));
}

#[test]
fn the_nearest_name_is_of_the_kind_that_was_asked_for() {
    let near = |typed: &str| {
        let stopped = ["stopped".to_owned()];
        Target::read(typed).unwrap().nearest(&directory(), &INTERFACES.map(str::to_owned), &stopped)
    };
    assert_eq!(near("my-brigde").as_deref(), Some("my_bridge"));
    assert_eq!(near("container_b").as_deref(), Some("container_a"));
    assert_eq!(near("stoped").as_deref(), Some("stopped"));
    assert_eq!(near("docker1").as_deref(), Some("docker0"));
    assert_eq!(near("net:container_b"), None);
}

#[test]
fn a_subject_is_renewed_as_long_as_it_is_there() {
    let before = directory();
    let interfaces = INTERFACES.map(str::to_owned);
    let container = resolve("container_a").unwrap();
    let service = resolve("shop/api").unwrap();
    let renamed = Container { name: "renamed".into(), ..self::container("aa44000000000000", "", None) };
    let after = before.with_container(&ContainerId("aa44000000000000".into()), Some(renamed), Timestamp::ZERO);
    assert_eq!(container.renewed(&after, &interfaces).map(|subject| subject.name()).as_deref(), Some("renamed"));
    let after = after.with_container(&ContainerId("aa44000000000000".into()), None, Timestamp::ZERO);
    assert_eq!(container.renewed(&after, &interfaces), None);
    assert!(service.renewed(&after, &interfaces).is_some());
    assert!(resolve("lo").unwrap().renewed(&after, &[]).is_none());
    assert!(resolve("any").unwrap().renewed(&after, &[]).is_some());
}
