//! Two network namespaces that a test makes for itself, and that nothing leaves.

use std::fs::File;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Two namespaces joined by a veth pair: `here` with 10.99.0.1 on tap0, `there` with 10.99.0.2 on tap1. Removed also when
/// a test fails.
pub struct Pair {
    pub here: String,
    pub there: String,
}

impl Pair {
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = |side: &str| format!("bt-tap-{}-{number}-{side}", std::process::id());
        let pair = Self { here: name("a"), there: name("b") };
        let (here, there) = (&pair.here, &pair.there);
        ip(&format!("netns add {here}"));
        ip(&format!("netns add {there}"));
        ip(&format!("-n {here} link add tap0 type veth peer name tap1 netns {there}"));
        for (namespace, interface, address) in [(here, "tap0", "10.99.0.1"), (there, "tap1", "10.99.0.2")] {
            ip(&format!("-n {namespace} address add {address}/24 dev {interface}"));
            ip(&format!("-n {namespace} link set lo up"));
            ip(&format!("-n {namespace} link set {interface} up"));
        }
        pair
    }

    /// Of the namespace with 10.99.0.1.
    pub fn path(&self) -> PathBuf {
        path(&self.here)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for namespace in [&self.here, &self.there] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).output();
        }
    }
}

fn path(namespace: &str) -> PathBuf {
    Path::new("/run/netns").join(namespace)
}

/// What `work` gives inside a namespace.
pub fn within<T: Send + 'static>(namespace: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let path = path(namespace);
    let thread = thread::spawn(move || {
        setns(File::open(path).expect("namespace"), CloneFlags::CLONE_NEWNET).expect("enter the namespace");
        work()
    });
    thread.join().expect("what was to be done there")
}

/// A UDP socket in a namespace, which gives up receiving after a second.
pub fn socket(namespace: &str, (address, port): (&str, u16)) -> UdpSocket {
    let address = (address.to_owned(), port);
    let socket = within(namespace, move || UdpSocket::bind((address.0.as_str(), address.1)).expect("bind"));
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("timeout");
    socket
}

pub fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().expect("ip");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
