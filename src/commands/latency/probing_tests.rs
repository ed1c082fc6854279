use super::*;
use crate::docker::{Endpoint, NetworkId};
use crate::time::Timestamp;

fn container_of(name: &str, service: Option<&str>, address: Option<[u8; 4]>) -> Container {
    let endpoint = |address: [u8; 4]| Endpoint {
        network: NetworkId("aa".into()),
        addresses: vec![address.into()],
        mac: None,
        aliases: Vec::new(),
    };
    Container {
        id: ContainerId(name.into()),
        name: name.into(),
        image: String::new(),
        compose: service.map(|service| ("shop".into(), service.into())),
        endpoints: address.map(endpoint).into_iter().collect(),
        published: Vec::new(),
        links: Vec::new(),
        namespace: None,
    }
}

fn network() -> Network {
    Network {
        id: NetworkId("aa".into()),
        name: "my_bridge".into(),
        driver: "bridge".into(),
        interface: Some("br-a".into()),
        subnets: Vec::new(),
        gateways: Vec::new(),
        name_service: true,
        internal: false,
        scope: "local".into(),
        options: std::collections::BTreeMap::new(),
    }
}

fn found(typed: &str) -> Result<String, String> {
    let containers = vec![
        container_of("container_a", None, None),
        container_of("shop_web_1", Some("web"), None),
        container_of("shop_api_1", Some("api"), None),
        container_of("shop_api_2", Some("api"), None),
    ];
    let directory = Directory::from_listing(vec![network()], containers, Vec::new(), Timestamp::ZERO);
    container(typed, &directory).map(|container| container.name.clone())
}

#[test]
fn who_probes_is_a_container_or_the_only_one_of_a_service() {
    for (typed, name) in [
        ("container_a", "container_a"),
        ("container:container_a", "container_a"),
        ("shop/web", "shop_web_1"),
        ("web", "shop_web_1"),
        ("service:web", "shop_web_1"),
    ] {
        assert_eq!(found(typed).as_deref(), Ok(name), "{typed}");
    }
}

#[test]
fn what_is_no_container_is_said_to_be_none() {
    for (typed, said) in [
        ("shop/api", "shop/api has 2 containers: name one of shop_api_1, shop_api_2"),
        ("my_bridge", "my_bridge is a network, and probes go from one container to another: name one that is on it"),
        ("container_c", "container_c: no container of that name runs; did you mean container_a?"),
        ("nothing-like-it", "nothing-like-it: no container of that name runs; docker ps lists those that do"),
    ] {
        assert_eq!(found(typed), Err(said.to_owned()));
    }
}

#[test]
fn nobody_probes_itself() {
    let client = container_of("web", None, Some([172, 18, 0, 2]));
    let to = |address: [u8; 4]| check_way(address.into(), &client);
    assert_eq!(to([172, 18, 0, 3]), Ok(()));
    assert_eq!(to([127, 0, 0, 11]), Ok(()), "Docker's name service is seen on lo");
    for own in [[172, 18, 0, 2], [127, 0, 0, 1]] {
        assert!(to(own).unwrap_err().contains("is web itself"));
    }
    let lonely = container_of("lonely", None, None);
    assert_eq!(check_way([127, 0, 0, 1].into(), &lonely), Ok(()), "all of its lo is watched, having no other");
}

#[test]
fn it_says_what_is_sent_from_whom_to_whom_and_how_often() {
    let client = container_of("web", None, None);
    let server = Server {
        container: Some(Arc::new(container_of("api", None, None))),
        name: "api".to_owned(),
        address: Some([172, 18, 0, 2].into()),
        network: None,
    };
    let said = |question: Question, server: Option<&Server>, count| {
        let key = key(&question, &client, server);
        let interval = Duration::from_millis(10);
        described(&Plan { question, count, interval, patience: PATIENCE }, &key)
    };
    let echo = |to: [u8; 4]| Question::Echo { to: to.into(), data_len: ECHO_DATA };
    let api = Some(&server);
    assert_eq!(
        said(echo([172, 18, 0, 2]), api, Some(1000)),
        "sending 1000 pings from web to api (172.18.0.2), one every 10ms"
    );
    assert_eq!(said(echo([172, 18, 0, 2]), api, None), "sending pings from web to api (172.18.0.2), one every 10ms");
    assert_eq!(
        said(Question::Connect { to: ([172, 18, 0, 2], 80).into() }, api, Some(1)),
        "opening 1 TCP connection from web to api (172.18.0.2) port 80, one every 10ms"
    );
    let lookup = Question::Lookup { resolver: (DOCKER_DNS, DNS_PORT).into(), name: "db".to_owned() };
    assert_eq!(
        said(lookup, None, Some(2)),
        "sending 2 lookups of db from web to docker-dns (127.0.0.11) port 53, one every 10ms"
    );
    assert_eq!(said(echo([10, 0, 0, 1]), None, Some(2)), "sending 2 pings from web to 10.0.0.1, one every 10ms");
}
