//! Everything that the doctor's checks go by, asked of this machine and of the daemon. Nothing here waits for long.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::kernel;
use crate::capture::rights::{libpcap_version, try_to_capture, try_to_enter};
use crate::capture::{Rights, interfaces, sandboxes};
use crate::docker::{self, Directory, Environment};
use crate::doctor::{Bridge, Confinement, Containers, Endpoint, Facts, InContainer};
use crate::privilege;

/// Longest wait for the daemon.
const PATIENCE: Duration = Duration::from_secs(5);
/// Containers whose namespaces are tried; if these can be entered, so can the others.
const TRIED: usize = 32;
/// Processes that are looked at for docker-proxy.
const MAX_PROCESSES: usize = 65_536;
/// The file of the first namespace of process numbers (`PROC_PID_INIT_INO` of `linux/proc_ns.h`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Looks around.
pub(super) fn gather() -> Facts {
    let environment = Environment::of_process();
    let found = environment.endpoint();
    let endpoint = Endpoint {
        address: found.as_ref().ok().map(ToString::to_string),
        said_by: environment.said_by(),
        other_machine: found.as_ref().ok().and_then(|endpoint| endpoint.other_machine()).map(str::to_owned),
    };
    let asked = found.and_then(|endpoint| docker::ask(&endpoint, PATIENCE));
    let (daemon, directory) = match asked {
        Ok((info, directory)) => (Ok(info), directory),
        Err(why) => (Err(why), Directory::default()),
    };
    let folder = folder(&directory);
    Facts {
        program: env::current_exe().map_or_else(|_| "bridgetap".into(), |path| path.to_string_lossy().into_owned()),
        kernel: kernel::kernel(),
        rights: Rights::of_process(),
        bounding: Rights::bounding(),
        confinement: confinement(),
        libpcap: libpcap_version(),
        capture: try_to_capture().map_err(|error| error.to_string()),
        entering: try_to_enter(Path::new("/proc/self/ns/net")).map_err(|error| error.to_string()),
        clock_source: first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        container: in_container(&folder),
        endpoint,
        daemon,
        bridges: bridges(&directory),
        containers: containers(&directory),
        starting: sandboxes::try_to_listen(&folder).map_err(|error| format!("{}: {error}", folder.display())),
        userland_proxy: userland_proxy(&directory),
    }
}

/// What holds by now, since every command begins with it; and Landlock, on a thread that ends.
fn confinement() -> Confinement {
    let privilege::State { no_new_privs, filters_calls } = privilege::state();
    Confinement { no_new_privs, filters_calls, landlock: privilege::landlock() }
}

/// Where Docker keeps the namespaces of containers.
fn folder(directory: &Directory) -> PathBuf {
    let mut known = directory.containers().filter_map(|container| Path::new(container.namespace.as_ref()?).parent());
    known.find(|folder| folder.ends_with("netns")).unwrap_or(Path::new(sandboxes::FOLDER)).to_owned()
}

fn bridges(directory: &Directory) -> Vec<Bridge> {
    let here = interfaces::interfaces().unwrap_or_default();
    let bridge = |network: &std::sync::Arc<docker::Network>| {
        let interface = network.interface.clone().filter(|_| network.driver == "bridge")?;
        let is_here = here.iter().any(|found| found.name == interface);
        Some(Bridge { network: network.name.clone(), interface, is_here })
    };
    directory.networks().filter_map(bridge).collect()
}

fn containers(directory: &Directory) -> Containers {
    let paths = directory.containers().filter_map(|container| container.namespace.as_ref()).take(TRIED);
    let mut found = Containers { running: directory.containers().count(), ..Containers::default() };
    for path in paths {
        found.tried += 1;
        match try_to_enter(Path::new(path)) {
            Ok(()) => found.entered += 1,
            Err(error) => drop(found.why.get_or_insert(reason(&error))),
        }
    }
    found
}

/// Why a namespace cannot be entered; the remedy is the check's own.
fn reason(error: &crate::capture::Error) -> String {
    match error {
        crate::capture::Error::NotEntered { path } => {
            format!("no permission for {}", path.display())
        }
        other => other.to_string(),
    }
}

/// Whether a process of the daemon forwards published ports; nothing where no port is published.
fn userland_proxy(directory: &Directory) -> Option<bool> {
    directory.containers().find(|container| !container.published.is_empty())?;
    let processes = fs::read_dir("/proc").ok()?.flatten().take(MAX_PROCESSES);
    let mut names = processes.filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok());
    Some(names.any(|name| name.trim_end() == "docker-proxy"))
}

fn in_container(namespaces: &Path) -> Option<InContainer> {
    let sign = ["/.dockerenv", "/run/.containerenv"].into_iter().find(|path| Path::new(path).exists());
    let variable =
        || env::var("container").ok().filter(|value| !value.is_empty()).map(|value| format!("container={value}"));
    let group = || {
        let groups = fs::read_to_string("/proc/1/cgroup").ok()?;
        let sign = ["docker", "kubepods", "libpod", "containerd"].into_iter().find(|sign| groups.contains(sign))?;
        Some(format!("{sign} in /proc/1/cgroup"))
    };
    let sign = sign.map(str::to_owned).or_else(variable).or_else(group)?;
    let pids = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let host_pids = pids.as_os_str() == FIRST_PID_NAMESPACE;
    Some(InContainer { sign, host_pids, has_namespaces: namespaces.exists() })
}

pub(super) fn first_line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Whether the locale is one of UTF-8 (locale(7)): the first of these that is set says so.
pub(super) fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| env::var(name).ok());
    let locale = set.into_iter().find(|value| !value.is_empty()).unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
