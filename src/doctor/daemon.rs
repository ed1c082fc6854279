//! The daemon: whether it answers, where it is, and what of its networks can be reached from here.

use super::{Check, Facts};
use crate::docker::{DaemonError, DaemonInfo};

/// As many names as a line takes.
const NAMED: usize = 4;

/// Whether it answers.
pub(super) fn answers(facts: &Facts) -> Check {
    let said_by = &facts.endpoint.said_by;
    match &facts.daemon {
        Ok(daemon) => {
            let DaemonInfo { product, version, api_version, .. } = daemon;
            let address = facts.endpoint.address.as_deref().unwrap_or_default();
            let found = format!("{product} {version}, API {api_version}, at {address} ({said_by})");
            let swarm = if daemon.swarm { "; it is a node of a swarm" } else { "" };
            Check::good("daemon", found, format!("containers and networks have names{swarm}"))
        }
        Err(why) => {
            let effect = format!("no names and no networks: only watch if:INTERFACE and replay work ({said_by})");
            let (found, remedy) = parted(why);
            let check = Check::missing("daemon", found, effect);
            if let Some(remedy) = remedy { check.mended_by(remedy) } else { check }
        }
    }
}

/// What is wrong, and what mends it; the errors of these kinds have a colon between the two, and none before.
fn parted(why: &DaemonError) -> (String, Option<String>) {
    let text = why.to_string();
    let is_simple = matches!(
        why,
        DaemonError::NoDaemon { .. } | DaemonError::PermissionDenied { .. } | DaemonError::Timeout { .. }
    );
    match text.rsplit_once(": ").filter(|_| is_simple) {
        Some((found, remedy)) => (found.to_owned(), Some(remedy.to_owned())),
        None => (text, None),
    }
}

/// Where its networks are; nothing where it does not answer, or is just an engine on this machine.
pub(super) fn place(facts: &Facts) -> Option<Check> {
    let daemon = facts.daemon.as_ref().ok()?;
    let is_elsewhere = !facts.bridges.iter().any(|bridge| bridge.is_here);
    let name = "engine";
    if let Some(host) = &facts.endpoint.other_machine {
        let found = format!("it is on another machine, {host}");
        let effect = "captures are local: its networks cannot be seen from here, but there";
        return Some(Check::missing(name, found, effect).mended_by(format!(
            "ssh {host} sudo bridgetap watch, or: ssh {host} sudo tcpdump -i BRIDGE -U -w - | bridgetap replay -"
        )));
    }
    if daemon.operating_system.contains("Docker Desktop") && is_elsewhere {
        let effect = "its bridges are in its virtual machine: bridgetap has to run there, in a container of an image with libpcap";
        return Some(Check::missing(name, "it is Docker Desktop", effect).mended_by(
            "docker run --rm -it --privileged --net=host --pid=host -v /var/run/docker.sock:/var/run/docker.sock \
             IMAGE bridgetap watch",
        ));
    }
    if daemon.rootless && is_elsewhere {
        return Some(rootless(daemon));
    }
    if !daemon.kernel.is_empty() && daemon.kernel != facts.kernel.release && is_elsewhere {
        let found = format!("it runs on {}, Linux {}, not on this kernel", daemon.machine, daemon.kernel);
        let effect = "it is in a virtual machine or its socket is forwarded: its networks cannot be seen from here";
        return Some(Check::missing(name, found, effect).mended_by("run bridgetap watch on that machine"));
    }
    if daemon.product.contains("Podman") {
        let effect = "its name service is at the gateway (aardvark-dns), so lookups cross the bridge";
        return Some(Check::good(name, "it is Podman", effect));
    }
    if daemon.userns_remap {
        let effect = "its containers are root only by name; watching them takes the machine's own root all the same";
        return Some(Check::good(name, "it maps the users of containers (userns-remap)", effect));
    }
    None
}

fn rootless(daemon: &DaemonInfo) -> Check {
    let effect = "its bridges are in a network namespace of its own: bridgetap has to run there";
    let remedy = if daemon.product.contains("Podman") {
        "podman unshare --rootless-netns bridgetap watch"
    } else {
        "nsenter -U --preserve-credentials -n -m -t \"$(cat \"$XDG_RUNTIME_DIR/docker.pid\")\" bridgetap watch"
    };
    Check::missing("engine", "it runs without root", effect).mended_by(remedy)
}

/// Whether the networks' bridges are on this machine.
pub(super) fn bridges(facts: &Facts) -> Option<Check> {
    facts.daemon.as_ref().ok()?;
    let (here, gone): (Vec<_>, Vec<_>) = facts.bridges.iter().partition(|bridge| bridge.is_here);
    let named = |bridges: &[&super::Bridge]| {
        let names = bridges.iter().take(NAMED).map(|bridge| format!("{} ({})", bridge.network, bridge.interface));
        let more = if bridges.len() > NAMED { ", …" } else { "" };
        format!("{}{more}", names.collect::<Vec<_>>().join(", "))
    };
    let name = "bridges";
    Some(match (here.len(), gone.len()) {
        (0, 0) => Check::missing(name, "the daemon has no bridge network", "there is nothing to watch yet")
            .mended_by("docker network create my_bridge"),
        (0, _) => Check::missing(name, format!("not on this machine: {}", named(&gone)), "no network can be watched"),
        (count, 0) => Check::good(name, format!("{count} on this machine: {}", named(&here)), "they can be watched"),
        (count, missing) => Check::limited(
            name,
            format!("{count} on this machine, {missing} not: {}", named(&gone)),
            "those that are here can be watched",
        ),
    })
}

/// Whether the containers' namespaces can be entered.
pub(super) fn containers(facts: &Facts) -> Option<Check> {
    facts.daemon.as_ref().ok()?;
    let super::Containers { running, tried, entered, why } = &facts.containers;
    let name = "containers";
    let lost = "lookups of container names stay unseen there";
    Some(match (*running, *tried, *entered) {
        (0, ..) => Check::good(name, "none is running", "there is none to enter"),
        (running, 0, _) => {
            let found = format!("{running} running, and no namespace of one is found here");
            let check = Check::limited(name, found, lost);
            if facts.rights.sys_ptrace && facts.rights.sys_admin { check } else { check.mended_by(as_root(facts)) }
        }
        (running, tried, entered) if tried == entered => {
            let of = if tried < running { format!(", {tried} were tried") } else { String::new() };
            Check::good(name, format!("{running} running{of}"), "their namespaces can be entered")
        }
        (running, tried, entered) => {
            let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let found = format!("{running} running, {entered} of {tried} could be entered{why}");
            Check::limited(name, found, lost).mended_by(as_root(facts))
        }
    })
}

fn as_root(facts: &Facts) -> String {
    format!("sudo {} watch", facts.program)
}

/// Whether containers are seen from their first packet on.
pub(super) fn starting(facts: &Facts) -> Option<Check> {
    facts.daemon.as_ref().ok()?;
    let name = "new containers";
    Some(match &facts.starting {
        Ok(()) => {
            Check::good(name, "Docker's folder of namespaces can be watched", "they are seen from their first packet")
        }
        Err(why) => {
            Check::limited(name, why.clone(), "they are seen when the daemon tells of them: a first lookup is lost")
        }
    })
}
