use super::*;
use crate::docker::DaemonError;

const ALL: Rights = Rights { net_raw: true, net_admin: true, sys_admin: true, sys_ptrace: true };

/// A machine on which all is well.
fn well() -> Facts {
    let bridge =
        |network: &str, interface: &str| Bridge { network: network.into(), interface: interface.into(), is_here: true };
    Facts {
        program: "/usr/local/bin/bridgetap".into(),
        kernel: Kernel {
            release: "6.1.0-18-amd64".into(),
            machine: "x86_64".into(),
            packet: Feature::Present,
            namespaces: Feature::Present,
            conntrack: Feature::Loadable,
            vxlan: Feature::Loadable,
            macvlan: Feature::Present,
            ipvlan: Feature::Present,
        },
        rights: ALL,
        bounding: ALL,
        confinement: Confinement { no_new_privs: true, filters_calls: true, landlock: Some(4) },
        libpcap: "libpcap version 1.10.3 (with TPACKET_V3)".into(),
        capture: Ok(()),
        entering: Ok(()),
        clock_source: Some("tsc".into()),
        container: None,
        endpoint: Endpoint {
            address: Some("/var/run/docker.sock".into()),
            said_by: "the usual place".into(),
            other_machine: None,
        },
        daemon: Ok(DaemonInfo {
            product: "Docker Engine - Community".into(),
            version: "27.3.1".into(),
            api_version: "1.47".into(),
            operating_system: "Debian GNU/Linux 12 (bookworm)".into(),
            kernel: "6.1.0-18-amd64".into(),
            machine: "laptop".into(),
            ..DaemonInfo::default()
        }),
        bridges: vec![bridge("bridge", "docker0"), bridge("my_bridge", "br-4f1c0a9b3d2e")],
        containers: Containers { running: 2, tried: 2, entered: 2, why: None },
        starting: Ok(()),
        userland_proxy: Some(true),
    }
}

fn without_bridges(facts: &mut Facts) {
    facts.bridges.iter_mut().for_each(|bridge| bridge.is_here = false);
}

fn daemon(facts: &mut Facts) -> &mut DaemonInfo {
    facts.daemon.as_mut().unwrap()
}

/// The check of that name among all.
fn check(facts: &Facts, name: &str) -> Check {
    let checks = examine(facts);
    checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no {name} in {checks:?}")).clone()
}

/// What is not good, by name.
fn troubles(facts: &Facts) -> Vec<(&'static str, State)> {
    let checks = examine(facts).into_iter().filter(|check| check.state != State::Good);
    checks.map(|check| (check.name, check.state)).collect()
}

fn remedy(facts: &Facts, name: &str) -> String {
    check(facts, name).remedy.unwrap_or_default()
}

#[test]
fn a_healthy_machine_has_nothing_to_mend() {
    let checks = examine(&well());
    assert_eq!(troubles(&well()), []);
    assert!(is_well(&checks));
    assert!(checks.iter().all(|check| check.remedy.is_none()));
    assert!(!checks.iter().any(|check| check.name == "container" || check.name == "engine"));
}

#[test]
fn without_rights_setcap_names_the_program() {
    let mut facts = well();
    facts.rights = Rights::default();
    facts.program = "/home/me/my tools/bridgetap".into();
    facts.capture = Err("no permission".into());
    facts.entering = Err("no permission".into());
    facts.containers = Containers { running: 2, tried: 2, entered: 0, why: Some("no permission for /proc/7".into()) };
    let limited = |name| (name, State::Limited);
    let expected =
        [("capture", State::Missing), limited("namespaces"), limited("containers"), limited("published ports")];
    assert_eq!(troubles(&facts), expected);
    assert_eq!(
        remedy(&facts, "capture"),
        "sudo setcap cap_net_raw,cap_net_admin,cap_sys_admin,cap_sys_ptrace+ep '/home/me/my tools/bridgetap'"
    );
    assert!(!is_well(&examine(&facts)));
}

#[test]
fn with_the_first_half_of_the_rights_watching_works_but_for_lookups() {
    let mut facts = well();
    facts.rights = Rights { sys_admin: false, sys_ptrace: false, ..ALL };
    facts.entering = Err("no permission".into());
    assert_eq!(troubles(&facts), [("namespaces", State::Limited)]);
    assert!(is_well(&examine(&facts)));
    facts.rights = Rights { sys_ptrace: false, ..ALL };
    facts.entering = Ok(());
    assert!(check(&facts, "namespaces").found.contains("CAP_SYS_PTRACE"));
}

#[test]
fn without_a_daemon_its_networks_are_not_spoken_of() {
    let mut facts = well();
    facts.daemon = Err(DaemonError::NoDaemon { endpoint: "/var/run/docker.sock".into() });
    facts.bridges.clear();
    facts.containers = Containers::default();
    assert_eq!(troubles(&facts), [("daemon", State::Missing)]);
    let daemon = check(&facts, "daemon");
    assert_eq!(daemon.found, "no Docker daemon at /var/run/docker.sock");
    assert_eq!(daemon.remedy.as_deref(), Some("start it (systemctl start docker) or set DOCKER_HOST"));
    assert!(!examine(&facts).iter().any(|check| matches!(check.name, "bridges" | "containers" | "new containers")));

    facts.daemon = Err(DaemonError::PermissionDenied { endpoint: "/var/run/docker.sock".into() });
    assert!(remedy(&facts, "daemon").contains("usermod -aG docker"));
    let value = "tcp: //x".to_owned();
    facts.daemon = Err(DaemonError::BadHost { value, source: "DOCKER_HOST".into() });
    assert!(check(&facts, "daemon").found.contains("tcp: //x") && check(&facts, "daemon").remedy.is_none());
}

#[test]
fn what_the_program_cannot_be_held_by_is_said() {
    let mut facts = well();
    assert!(check(&facts, "confinement").found.ends_with("a filter of system calls, Landlock 4"));
    facts.confinement.landlock = None;
    assert_eq!(troubles(&facts), [("confinement", State::Limited)]);
    assert_eq!(check(&facts, "confinement").found, "the kernel has no Landlock (Linux 5.13)");
    assert!(remedy(&facts, "confinement").contains("lsm="));
    facts.confinement = Confinement::default();
    let confinement = check(&facts, "confinement");
    assert!(confinement.found.contains(", and no filters of system calls"), "{confinement:?}");
    assert!(confinement.remedy.is_none() && is_well(&examine(&facts)));
}

#[test]
fn docker_desktop_is_watched_inside_its_machine() {
    let mut facts = well();
    without_bridges(&mut facts);
    daemon(&mut facts).operating_system = "Docker Desktop".into();
    daemon(&mut facts).kernel = "6.10.4-linuxkit".into();
    facts.containers.tried = 0;
    let expected = [("engine", State::Missing), ("bridges", State::Missing), ("containers", State::Limited)];
    assert_eq!(troubles(&facts), expected);
    assert!(remedy(&facts, "engine").contains("--privileged --net=host --pid=host"));
}

#[test]
fn a_rootless_engine_is_watched_inside_its_namespace() {
    let mut facts = well();
    without_bridges(&mut facts);
    daemon(&mut facts).rootless = true;
    assert!(remedy(&facts, "engine").starts_with("nsenter -U --preserve-credentials -n -m"));
    daemon(&mut facts).product = "Podman Engine".into();
    assert_eq!(remedy(&facts, "engine"), "podman unshare --rootless-netns bridgetap watch");
    facts.bridges[0].is_here = true;
    assert_eq!(check(&facts, "engine").state, State::Good, "it runs there already");
}

#[test]
fn a_daemon_on_another_machine_is_watched_there() {
    let mut facts = well();
    without_bridges(&mut facts);
    facts.endpoint.other_machine = Some("10.0.0.5".into());
    assert!(remedy(&facts, "engine").starts_with("ssh 10.0.0.5 sudo bridgetap watch"));
    facts.endpoint.other_machine = None;
    daemon(&mut facts).kernel = "5.15.0".into();
    let engine = check(&facts, "engine");
    assert!(engine.state == State::Missing && engine.effect.contains("socket is forwarded"), "{engine:?}");
}

#[test]
fn engines_on_this_machine_are_named_where_that_matters() {
    let mut facts = well();
    daemon(&mut facts).userns_remap = true;
    assert!(check(&facts, "engine").found.contains("userns-remap"));
    daemon(&mut facts).product = "Podman Engine".into();
    assert!(check(&facts, "engine").effect.contains("aardvark-dns"));
    daemon(&mut facts).swarm = true;
    assert!(check(&facts, "daemon").effect.contains("swarm"));
    assert_eq!(troubles(&facts), []);
}

#[test]
fn bridges_that_are_not_here_are_named() {
    let mut facts = well();
    facts.bridges[1].is_here = false;
    let bridges = check(&facts, "bridges");
    assert_eq!(bridges.state, State::Limited);
    assert!(bridges.found.ends_with("1 not: my_bridge (br-4f1c0a9b3d2e)"), "{bridges:?}");
    facts.bridges.clear();
    assert_eq!(remedy(&facts, "bridges"), "docker network create my_bridge");
}

#[test]
fn a_container_is_told_just_what_it_lacks() {
    let mut facts = well();
    facts.container = Some(InContainer { sign: "/.dockerenv".into(), host_pids: true, has_namespaces: true });
    assert_eq!(check(&facts, "container").state, State::Good);
    facts.container = Some(InContainer { sign: "/.dockerenv".into(), ..InContainer::default() });
    without_bridges(&mut facts);
    facts.rights = Rights { net_raw: true, ..Rights::default() };
    facts.bounding = facts.rights;
    facts.entering = Err("no permission".into());
    let container = check(&facts, "container");
    let lacks = "it lacks --net=host, --pid=host, --cap-add for CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE, -v \
                 /var/run/docker/netns";
    assert!(container.effect.contains(lacks), "{container:?}");
    assert!(!container.effect.contains("docker.sock"), "the daemon answers");
    for name in ["container", "namespaces"] {
        assert!(
            remedy(&facts, name).starts_with("docker run --rm -it --net=host --pid=host --cap-add NET_RAW"),
            "{name}"
        );
    }
    facts.bounding = ALL;
    assert!(remedy(&facts, "namespaces").starts_with("sudo setcap"), "it may have them, and only does not");
}

#[test]
fn old_and_small_kernels_are_told() {
    let mut facts = well();
    facts.kernel.release = "2.6.32-754.el6".into();
    assert_eq!(troubles(&facts), [("kernel", State::Limited)]);
    facts.kernel.release = "unreadable".into();
    assert_eq!(check(&facts, "kernel").state, State::Good);
    facts.kernel.packet = Feature::Absent;
    assert_eq!(check(&facts, "kernel").state, State::Missing);
    facts = well();
    facts.kernel.conntrack = Feature::Absent;
    facts.kernel.vxlan = Feature::Absent;
    facts.kernel.macvlan = Feature::Absent;
    facts.kernel.ipvlan = Feature::Absent;
    facts.clock_source = Some("refined-jiffies".into());
    facts.libpcap = "libpcap version 1.5.3 (with TPACKET_V2)".into();
    let limited = ["libpcap", "timestamps", "published ports", "overlay", "macvlan"].map(|name| (name, State::Limited));
    assert_eq!(troubles(&facts), limited);
    assert!(check(&facts, "macvlan").effect.contains("CONFIG_IPVLAN"));
    assert!(is_well(&examine(&facts)));
}

#[test]
fn what_cannot_be_heard_of_is_said() {
    let mut facts = well();
    facts.starting = Err("/var/run/docker/netns: Permission denied".into());
    assert_eq!(troubles(&facts), [("new containers", State::Limited)]);
    facts = well();
    facts.containers = Containers { running: 40, tried: 32, entered: 32, why: None };
    assert_eq!(check(&facts, "containers").found, "40 running, 32 were tried");
    facts.userland_proxy = Some(false);
    assert!(check(&facts, "published ports").found.ends_with("userland-proxy is off, so there is no second half"));
}
