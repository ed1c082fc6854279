//! What of watching works on a machine, and what mends what does not.
//!
//! Facts are gathered elsewhere and once; a check is a function from facts to a verdict, so that every machine that was
//! ever heard of can be tested. No I/O.

mod daemon;
mod machine;

use serde::Serialize;

use crate::capture::Rights;
use crate::docker::{DaemonError, DaemonInfo};

/// All that the checks go by.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The path of the program that runs.
    pub program: String,
    /// The kernel.
    pub kernel: Kernel,
    /// What the process may do.
    pub rights: Rights,
    /// What it could be given: less in a container.
    pub bounding: Rights,
    /// What it can be held by while it reads what others sent.
    pub confinement: Confinement,
    /// What libpcap says of itself.
    pub libpcap: String,
    /// Whether capturing on the loopback interface could be begun, or why not.
    pub capture: Result<(), String>,
    /// Whether a network namespace, the program's own, could be entered, or why not.
    pub entering: Result<(), String>,
    /// What the kernel counts time by: `tsc`, `kvm-clock`; nothing where it does not say.
    pub clock_source: Option<String>,
    /// The program is in a container.
    pub container: Option<InContainer>,
    /// Where the daemon is.
    pub endpoint: Endpoint,
    /// What it says, or why it cannot be asked.
    pub daemon: Result<DaemonInfo, DaemonError>,
    /// The networks of the driver `bridge`.
    pub bridges: Vec<Bridge>,
    /// Containers.
    pub containers: Containers,
    /// Whether new namespaces can be heard of, or why not.
    pub starting: Result<(), String>,
    /// Whether `docker-proxy` runs: `userland-proxy` of the daemon. Nothing where no port is published.
    pub userland_proxy: Option<bool>,
}

/// The kernel that the program runs on.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    /// `uname -r`.
    pub release: String,
    /// The architecture that the program was built for: `x86_64`.
    pub machine: String,
    /// `CONFIG_PACKET`: packet sockets.
    pub packet: Feature,
    /// `CONFIG_NET_NS`.
    pub namespaces: Feature,
    /// `CONFIG_NF_CT_NETLINK`: connection tracking by netlink.
    pub conntrack: Feature,
    /// `CONFIG_VXLAN`.
    pub vxlan: Feature,
    /// `CONFIG_MACVLAN`.
    pub macvlan: Feature,
    /// `CONFIG_IPVLAN`.
    pub ipvlan: Feature,
}

/// What the kernel has to hold the program by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Confinement {
    /// `PR_SET_NO_NEW_PRIVS` (Linux 3.5).
    pub no_new_privs: bool,
    /// Filters of system calls (`CONFIG_SECCOMP_FILTER`).
    pub filters_calls: bool,
    /// The version of Landlock; nothing where there is none, or it was not chosen at the start.
    pub landlock: Option<u32>,
}

/// Whether the kernel has something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feature {
    /// Built in, or its module is loaded.
    Present,
    /// There is a module that is not loaded.
    Loadable,
    /// It was built without.
    Absent,
    /// It does not say.
    #[default]
    Unknown,
}

/// The container that the program is in.
#[derive(Clone, Debug, Default)]
pub struct InContainer {
    /// What says so: `/.dockerenv`.
    pub sign: String,
    /// It has the process numbers of the machine (`--pid=host`).
    pub host_pids: bool,
    /// The folder of Docker's namespaces is there.
    pub has_namespaces: bool,
}

/// Where the daemon is looked for.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    /// Its address, or nothing where what says it is wrong.
    pub address: Option<String>,
    /// What says so: `DOCKER_HOST`.
    pub said_by: String,
    /// The host, where it is surely another machine.
    pub other_machine: Option<String>,
}

/// A bridge network.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// The network's name.
    pub network: String,
    /// Its interface.
    pub interface: String,
    /// Whether that is on this machine.
    pub is_here: bool,
}

/// The running containers, and how many of their namespaces could be entered.
#[derive(Clone, Debug, Default)]
pub struct Containers {
    /// How many run.
    pub running: usize,
    /// How many of them were tried.
    pub tried: usize,
    /// How many of those could be entered.
    pub entered: usize,
    /// Why the first could not.
    pub why: Option<String>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All is well.
    Good,
    /// Watching works, but for something.
    Limited,
    /// Watching does not work.
    Missing,
}

/// A check, done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at; a word or two that stay the same.
    pub name: &'static str,
    /// What came of it.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What works because of it, or does not.
    pub effect: String,
    /// The command that mends it.
    pub remedy: Option<String>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>, effect: impl Into<String>) -> Self {
        Self { name, state: State::Good, found: found.into(), effect: effect.into(), remedy: None }
    }

    fn limited(name: &'static str, found: impl Into<String>, effect: impl Into<String>) -> Self {
        Self { state: State::Limited, ..Self::good(name, found, effect) }
    }

    fn missing(name: &'static str, found: impl Into<String>, effect: impl Into<String>) -> Self {
        Self { state: State::Missing, ..Self::good(name, found, effect) }
    }

    fn mended_by(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// Every check, in the order in which things are needed.
pub fn examine(facts: &Facts) -> Vec<Check> {
    let machine = [
        machine::kernel,
        machine::libpcap,
        machine::capture,
        machine::entering,
        machine::confinement,
        machine::timestamps,
    ];
    let daemon = [daemon::place, daemon::bridges, daemon::containers, daemon::starting];
    let features = [machine::published, machine::overlay, machine::macvlan];
    let mut checks: Vec<_> = machine.into_iter().map(|check| check(facts)).collect();
    checks.extend(machine::in_container(facts));
    checks.push(daemon::answers(facts));
    checks.extend(daemon.into_iter().filter_map(|check| check(facts)));
    checks.extend(features.into_iter().map(|check| check(facts)));
    checks
}

/// Whether watching works: nothing that it needs is missing.
pub fn is_well(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.state != State::Missing)
}

#[cfg(test)]
mod tests;
