//! The machine: its kernel, libpcap, and what the process may do there.

use super::{Check, Facts, Feature, InContainer};

/// The first kernel whose packet sockets have `TPACKET_V3`.
const TPACKET_V3: (u32, u32) = (3, 2);

/// Packet sockets and network namespaces.
pub(super) fn kernel(facts: &Facts) -> Check {
    let kernel = &facts.kernel;
    let found = format!("Linux {} on {}", kernel.release, kernel.machine);
    let is_old = version(&kernel.release).is_some_and(|version| version < TPACKET_V3);
    if kernel.packet == Feature::Absent {
        let effect = "it has no packet sockets (CONFIG_PACKET), so nothing can be captured";
        return Check::missing("kernel", found, effect).mended_by("boot a kernel with CONFIG_PACKET");
    }
    if kernel.namespaces == Feature::Absent {
        let effect = "it has no network namespaces (CONFIG_NET_NS), so it can run no container";
        return Check::missing("kernel", found, effect).mended_by("boot a kernel with CONFIG_NET_NS");
    }
    if is_old {
        let effect = "before 3.2 packet sockets have no TPACKET_V3: packets of a burst are lost";
        return Check::limited("kernel", found, effect).mended_by("boot a newer kernel");
    }
    Check::good("kernel", found, "packet sockets with TPACKET_V3, and network namespaces")
}

/// `6.18.44-fc` is (6, 18).
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|char: char| !char.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Its ring.
pub(super) fn libpcap(facts: &Facts) -> Check {
    // It says "libpcap version 1.10.5 (with TPACKET_V3)".
    let found = facts.libpcap.trim_start_matches("libpcap version ").to_owned();
    if found.contains("TPACKET_V3") {
        Check::good("libpcap", found, "bursts fit into a ring of packets tightly packed")
    } else if found.contains("TPACKET") {
        Check::limited(
            "libpcap",
            found,
            "its ring takes a slot of the greatest length for each packet: bursts are lost",
        )
        .mended_by("sudo apt install libpcap0.8")
    } else {
        Check::good("libpcap", found, "it does not say which ring it has")
    }
}

/// The right to capture.
pub(super) fn capture(facts: &Facts) -> Check {
    match &facts.capture {
        Ok(()) => Check::good("capture", "capturing was tried and works", "interfaces can be watched"),
        Err(why) if facts.rights.net_raw => Check::missing("capture", why.clone(), "nothing can be captured"),
        Err(_) => {
            Check::missing("capture", "CAP_NET_RAW is missing", "nothing can be captured").mended_by(setcap(facts))
        }
    }
}

/// The right to enter a namespace.
pub(super) fn entering(facts: &Facts) -> Check {
    let effect = "lookups of container names can be seen, and which veth is whose";
    let rights = facts.rights;
    match &facts.entering {
        Ok(()) if rights.sys_ptrace => Check::good("namespaces", "network namespaces can be entered", effect),
        Ok(()) => Check::limited(
            "namespaces",
            "CAP_SYS_PTRACE is missing",
            "without it only root finds the namespace of a container: lookups of names stay unseen",
        )
        .mended_by(setcap(facts)),
        Err(_) if !rights.sys_admin => Check::limited(
            "namespaces",
            "CAP_SYS_ADMIN is missing",
            "network namespaces cannot be entered: lookups of container names stay unseen",
        )
        .mended_by(setcap(facts)),
        Err(why) => Check::limited("namespaces", why.clone(), "lookups of container names stay unseen"),
    }
}

/// What it is held by while it reads what others sent.
pub(super) fn confinement(facts: &Facts) -> Check {
    let held = facts.confinement;
    let landlock = held.landlock.map(|version| format!("Landlock {version}"));
    let missing: Vec<_> = [
        (held.no_new_privs, "PR_SET_NO_NEW_PRIVS (Linux 3.5)"),
        (held.filters_calls, "filters of system calls (CONFIG_SECCOMP_FILTER)"),
        (landlock.is_some(), "Landlock (Linux 5.13)"),
    ]
    .into_iter()
    .filter_map(|(has, name)| (!has).then_some(name))
    .collect();
    let name = "confinement";
    let Some(landlock) = landlock.filter(|_| missing.is_empty()) else {
        let effect = "all else holds that gives up what is not needed; docs/security.md says what this does";
        let check = Check::limited(name, format!("the kernel has no {}", missing.join(", and no ")), effect);
        return if held.filters_calls {
            check.mended_by("boot a kernel with CONFIG_SECURITY_LANDLOCK, and with landlock among lsm=")
        } else {
            check
        };
    };
    let found = format!("no new privileges, a filter of system calls, {landlock}");
    Check::good(name, found, "what is not needed is given up before packets are read")
}

/// The command that gives this program what it needs; a container that may not have it gets it from outside.
fn setcap(facts: &Facts) -> String {
    if facts.container.is_some() && !facts.bounding.missing().is_empty() {
        return IN_CONTAINER.to_owned();
    }
    format!("sudo setcap cap_net_raw,cap_net_admin,cap_sys_admin,cap_sys_ptrace+ep {}", quoted(&facts.program))
}

/// As a shell reads it back as one word.
fn quoted(path: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+".contains(char);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// How exact times are.
pub(super) fn timestamps(facts: &Facts) -> Check {
    let effect = "the kernel stamps each packet to the nanosecond";
    match facts.clock_source.as_deref() {
        Some(source @ ("jiffies" | "refined-jiffies")) => Check::limited(
            "timestamps",
            format!("the clock source is {source}"),
            "packets are stamped to some milliseconds only: latencies mean little",
        ),
        Some(source) => Check::good("timestamps", format!("the clock source is {source}"), effect),
        None => Check::good("timestamps", "the kernel does not say its clock source", effect),
    }
}

/// What a container needs in order to watch its machine.
const IN_CONTAINER: &str = "docker run --rm -it --net=host --pid=host --cap-add NET_RAW --cap-add NET_ADMIN \
--cap-add SYS_ADMIN --cap-add SYS_PTRACE --security-opt apparmor=unconfined -v /var/run/docker.sock:/var/run/docker.sock \
-v /var/run/docker/netns:/var/run/docker/netns:rslave IMAGE bridgetap watch";

/// The flags of the container that the program is in; nothing where it is in none.
pub(super) fn in_container(facts: &Facts) -> Option<Check> {
    let InContainer { sign, host_pids, has_namespaces } = facts.container.as_ref()?;
    let found = format!("it runs in a container ({sign})");
    let sees_bridges = facts.bridges.is_empty() || facts.bridges.iter().any(|bridge| bridge.is_here);
    let capabilities = facts.bounding.missing();
    let lacking: Vec<_> = [
        (!sees_bridges, "--net=host".to_owned()),
        (!host_pids, "--pid=host".to_owned()),
        (!capabilities.is_empty(), format!("--cap-add for {}", capabilities.join(", "))),
        (facts.daemon.is_err(), "-v /var/run/docker.sock:/var/run/docker.sock".to_owned()),
        (!has_namespaces, "-v /var/run/docker/netns:/var/run/docker/netns:rslave".to_owned()),
    ]
    .into_iter()
    .filter_map(|(is_lacking, flag)| is_lacking.then_some(flag))
    .collect();
    if lacking.is_empty() {
        return Some(Check::good("container", found, "with all that it takes to watch its machine"));
    }
    let effect = format!("to watch its machine it lacks {}", lacking.join(", "));
    Some(Check::limited("container", found, effect).mended_by(IN_CONTAINER))
}

/// The real client of a published port.
pub(super) fn published(facts: &Facts) -> Check {
    let proxy = match facts.userland_proxy {
        Some(true) => "; docker-proxy runs, so connections from this machine itself have two halves",
        Some(false) => "; userland-proxy is off, so there is no second half",
        None => "",
    };
    let name = "published ports";
    let found = |said: &str| format!("{said}{proxy}");
    match (facts.kernel.conntrack, facts.rights.net_admin) {
        (Feature::Absent, _) => Check::limited(
            name,
            found("the kernel has no CONFIG_NF_CT_NETLINK"),
            "only the daemon's list of ports says which is which",
        ),
        (_, false) => Check::limited(
            name,
            found("CAP_NET_ADMIN is missing, which connection tracking takes"),
            "only the daemon's list of ports says which is which",
        )
        .mended_by(setcap(facts)),
        (Feature::Unknown, _) => {
            Check::good(name, found("the kernel does not say whether it has ctnetlink"), "it is tried when needed")
        }
        (Feature::Loadable, _) => Check::good(name, found("ctnetlink is a module"), "it is loaded when needed"),
        (Feature::Present, _) => {
            Check::good(name, found("connection tracking can be asked (ctnetlink)"), "a port's real client can be told")
        }
    }
}

/// Networks over several machines.
pub(super) fn overlay(facts: &Facts) -> Check {
    driver("overlay", facts.kernel.vxlan, "CONFIG_VXLAN", "overlay networks of a swarm")
}

/// Containers beside the machine on its own network.
pub(super) fn macvlan(facts: &Facts) -> Check {
    let macvlan = driver("macvlan", facts.kernel.macvlan, "CONFIG_MACVLAN", "macvlan networks");
    match facts.kernel.ipvlan {
        Feature::Absent => {
            Check { effect: format!("{}; there is no ipvlan (CONFIG_IPVLAN)", macvlan.effect), ..macvlan }
        }
        _ => macvlan,
    }
}

fn driver(name: &'static str, feature: Feature, option: &str, networks: &str) -> Check {
    match feature {
        Feature::Present => Check::good(name, format!("the kernel has {option}"), format!("{networks} can be made")),
        Feature::Loadable => Check::good(name, format!("{option} is a module"), format!("{networks} can be made")),
        Feature::Unknown => Check::good(
            name,
            format!("the kernel does not say whether it has {option}"),
            "whether there can be any is open",
        ),
        Feature::Absent => {
            Check::limited(name, format!("the kernel has no {option}"), format!("there can be no {networks} here"))
        }
    }
}
