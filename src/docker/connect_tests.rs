use super::*;

fn host(value: &str) -> Environment {
    Environment { docker_host: Some(value.into()), ..Environment::default() }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A `DOCKER_CONFIG` directory with the contexts `remote`, `secure` and `far`.
fn contexts(current: &str) -> (tempfile::TempDir, Environment) {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path();
    write(&config.join("config.json"), &format!(r#"{{"auths":{{}},"currentContext":"{current}"}}"#));
    for (id, name, address) in [
        ("aa", "remote", "tcp://192.0.2.1"),
        ("bb", "secure", "tcp://192.0.2.2:9000"),
        ("cc", "far", "ssh://me@example.org"),
    ] {
        let meta = format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{address}"}}}}}}"#);
        write(&config.join("contexts/meta").join(id).join("meta.json"), &meta);
    }
    write(&config.join("contexts/tls/bb/docker/ca.pem"), "");
    let environment = Environment { docker_config: Some(config.into()), ..Environment::default() };
    (directory, environment)
}

#[test]
fn docker_host_is_read_as_docker_does() {
    for (value, expected) in [
        ("unix:///run/user/1000/docker.sock", Endpoint::Unix("/run/user/1000/docker.sock".into())),
        ("unix://", Endpoint::Unix(DOCKER_SOCKET.into())),
        ("tcp://192.0.2.1:4243", Endpoint::Http("192.0.2.1:4243".into())),
        ("tcp://192.0.2.1", Endpoint::Http("192.0.2.1:2375".into())),
        ("http://build:80/", Endpoint::Http("build:80".into())),
        ("localhost:2375", Endpoint::Http("localhost:2375".into())),
        ("tcp://[2001:db8::1]", Endpoint::Http("[2001:db8::1]:2375".into())),
        ("tcp://[2001:db8::1]:77", Endpoint::Http("[2001:db8::1]:77".into())),
    ] {
        assert_eq!(host(value).endpoint(), Ok(expected), "{value}");
    }
}

#[test]
fn a_bad_docker_host_names_itself() {
    for value in ["/var/run/docker.sock", "npipe:////./pipe/docker", "tcp://", "tcp://:2375", "tcp://h:99999", "a b"] {
        let error = host(value).endpoint().unwrap_err();
        assert!(matches!(error, DaemonError::BadHost { .. }), "{value}");
        assert!(error.to_string().contains("DOCKER_HOST") && error.to_string().contains(value), "{error}");
    }
}

#[test]
fn tls_takes_its_certificates_from_where_docker_does() {
    let plain =
        Environment { docker_tls_verify: Some("1".into()), home: Some("/home/me".into()), ..host("tcp://192.0.2.1") };
    assert_eq!(plain.endpoint(), Ok(Endpoint::Https("192.0.2.1:2376".into(), "/home/me/.docker".into())));
    let elsewhere = Environment { docker_cert_path: Some("/certs".into()), ..plain.clone() };
    assert_eq!(elsewhere.endpoint(), Ok(Endpoint::Https("192.0.2.1:2376".into(), "/certs".into())));
    let off = Environment { docker_tls_verify: Some(String::new()), ..plain };
    assert_eq!(off.endpoint(), Ok(Endpoint::Http("192.0.2.1:2375".into())));
}

#[test]
fn the_current_context_is_used_and_others_come_before_it() {
    let (_directory, environment) = contexts("remote");
    assert_eq!(environment.endpoint(), Ok(Endpoint::Http("192.0.2.1:2375".into())));
    let named = Environment { docker_context: Some("secure".into()), ..environment.clone() };
    let tls = environment.docker_config.clone().unwrap().join("contexts/tls/bb/docker");
    assert_eq!(named.endpoint(), Ok(Endpoint::Https("192.0.2.2:9000".into(), tls)));
    let host = Environment { docker_host: Some("unix:///x".into()), ..named };
    assert_eq!(host.endpoint(), Ok(Endpoint::Unix("/x".into())));
}

#[test]
fn a_context_that_cannot_be_used_says_what_to_do() {
    let (_directory, environment) = contexts("gone");
    let error = environment.endpoint().unwrap_err().to_string();
    assert!(error.contains("\"gone\"") && error.contains("default, far, remote, secure"), "{error}");
    let ssh = Environment { docker_context: Some("far".into()), ..environment };
    let error = ssh.endpoint().unwrap_err().to_string();
    assert!(
        error.contains("ssh -nNT -L") && error.contains("me@example.org") && error.contains("DOCKER_HOST"),
        "{error}"
    );
}

#[test]
fn a_broken_config_names_its_file() {
    let directory = tempfile::tempdir().unwrap();
    write(&directory.path().join("config.json"), "{");
    let environment = Environment { docker_config: Some(directory.path().into()), ..Environment::default() };
    assert!(environment.endpoint().unwrap_err().to_string().contains("config.json"));
}

#[test]
fn the_first_socket_that_is_there_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let [docker, podman] = ["docker.sock", "podman.sock"].map(|name| directory.path().join(name));
    let environment = Environment { sockets: vec![docker.clone(), podman.clone()], ..Environment::default() };
    assert_eq!(environment.endpoint(), Ok(Endpoint::Unix(docker.clone())));
    write(&podman, "");
    assert_eq!(environment.endpoint(), Ok(Endpoint::Unix(podman)));
    write(&docker, "");
    assert_eq!(environment.endpoint(), Ok(Endpoint::Unix(docker)));
    let default = Environment { docker_context: Some("default".into()), ..environment };
    assert!(default.endpoint().is_ok());
}

#[test]
fn a_daemon_is_local_by_its_address() {
    let local = |endpoint: Endpoint| endpoint.may_be_local();
    assert!(local(Endpoint::Unix("/var/run/docker.sock".into())));
    for here in ["127.0.0.1:2375", "127.1.2.3:2375", "localhost:2375", "[::1]:2375"] {
        assert!(local(Endpoint::Http(here.into())), "{here}");
        assert!(local(Endpoint::Https(here.into(), PathBuf::new())), "{here}");
    }
    for other in ["203.0.113.7:2375", "example.test:2375", "[2001:db8::7]:2375", "localhost.example.test:2375"] {
        assert!(!local(Endpoint::Http(other.into())), "{other}");
    }
}
