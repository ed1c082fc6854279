//! What this machine itself says: the addresses of its interfaces, and where a container's namespace is.

use std::collections::HashMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// The interfaces of this namespace and their addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostInterfaces {
    pub(crate) addresses: HashMap<String, Vec<IpAddr>>,
}

impl HostInterfaces {
    /// Asks the kernel (`getifaddrs(3)`); none where it does not say.
    pub(crate) fn read() -> Self {
        let mut addresses: HashMap<String, Vec<IpAddr>> = HashMap::new();
        for interface in getifaddrs().into_iter().flatten() {
            let found = addresses.entry(interface.interface_name).or_default();
            found.extend(interface.address.as_ref().and_then(ip_address));
        }
        Self { addresses }
    }

    /// Every address but the loopback ones, which every namespace has for its own.
    pub(crate) fn all(&self) -> Vec<IpAddr> {
        self.addresses.values().flatten().filter(|address| !address.is_loopback()).copied().collect()
    }

    /// The interface that has this address.
    pub(crate) fn with_address(&self, address: IpAddr) -> Option<&str> {
        self.addresses.iter().find(|(_, found)| found.contains(&address)).map(|(name, _)| name.as_str())
    }
}

fn ip_address(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

/// Path of a container's network namespace on this machine, or nothing where it runs elsewhere.
///
/// `SandboxKey` is tried first. It is empty for a container that shares another's namespace, and only root may see
/// where it points to; the process is then the way, but only where its control group names the container: the daemon
/// may run in a virtual machine, and its process numbers be those of quite other processes here.
pub(crate) fn namespace_of(id: &str, sandbox_key: &str, pid: i64) -> Option<String> {
    if !sandbox_key.is_empty() && Path::new(sandbox_key).exists() {
        return Some(sandbox_key.to_owned());
    }
    if pid <= 0 || id.len() < 12 {
        return None;
    }
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    groups.contains(id).then(|| format!("/proc/{pid}/ns/net"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_nobodys_own() {
        let host = HostInterfaces::read();
        assert_eq!(host.with_address("127.0.0.1".parse().unwrap()), Some("lo"));
        assert!(host.all().iter().all(|address| !address.is_loopback()));
    }

    #[test]
    fn a_process_of_another_machine_is_no_container() {
        let pid = i64::from(std::process::id());
        assert_eq!(namespace_of(&"f".repeat(64), "/nonexistent/netns", pid), None);
        assert_eq!(namespace_of("", "", pid), None);
        assert_eq!(namespace_of(&"f".repeat(64), "/proc/self/ns/net", 0), Some("/proc/self/ns/net".into()));
    }
}
