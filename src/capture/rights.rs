//! What this process may do: its capabilities (capabilities(7)), and what libpcap it has.

use std::ffi::{CStr, c_char};
use std::fs;
use std::path::Path;

use super::live::ANY;
use super::{Error, LinkType, LiveOptions, LiveTap, Namespace, Stop, Tap, TapId};

/// The smallest ring that the kernel rounds to nothing else, in bytes.
const SMALL_RING: usize = 256 * 1024;

/// The bits of the capabilities that matter here (`linux/capability.h`).
const NET_ADMIN: u32 = 12;
const NET_RAW: u32 = 13;
const SYS_PTRACE: u32 = 19;
const SYS_ADMIN: u32 = 21;

/// A set of capabilities, in so far as they matter for capturing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a capability of its own")]
pub struct Rights {
    /// `CAP_NET_RAW`: to capture.
    pub net_raw: bool,
    /// `CAP_NET_ADMIN`: promiscuous mode on some drivers, and connection tracking.
    pub net_admin: bool,
    /// `CAP_SYS_ADMIN`: to enter a network namespace.
    pub sys_admin: bool,
    /// `CAP_SYS_PTRACE`: to find a container's namespace by `/proc`, where one is not root.
    pub sys_ptrace: bool,
}

impl Rights {
    /// The effective ones of this process; none where `/proc` is not mounted.
    pub fn of_process() -> Self {
        Self::read("CapEff:")
    }

    /// Those that this process can ever get: a container's are bounded.
    pub fn bounding() -> Self {
        Self::read("CapBnd:")
    }

    fn read(set: &str) -> Self {
        fs::read_to_string("/proc/self/status").map_or_else(|_| Self::default(), |status| Self::parse(&status, set))
    }

    /// The line that begins with `set` of the text of `/proc/PID/status` (proc(5)).
    fn parse(status: &str, set: &str) -> Self {
        let digits = status.lines().find_map(|line| line.strip_prefix(set)).unwrap_or_default();
        let set = u64::from_str_radix(digits.trim(), 16).unwrap_or_default();
        let has = |bit: u32| set >> bit & 1 == 1;
        Self {
            net_raw: has(NET_RAW),
            net_admin: has(NET_ADMIN),
            sys_admin: has(SYS_ADMIN),
            sys_ptrace: has(SYS_PTRACE),
        }
    }

    /// The names of those that are missing.
    pub fn missing(self) -> Vec<&'static str> {
        let all = [
            (self.net_raw, "CAP_NET_RAW"),
            (self.net_admin, "CAP_NET_ADMIN"),
            (self.sys_admin, "CAP_SYS_ADMIN"),
            (self.sys_ptrace, "CAP_SYS_PTRACE"),
        ];
        all.into_iter().filter(|(has, _)| !has).map(|(_, name)| name).collect()
    }
}

/// Tries to capture, and stops at once: what a kernel or a container forbids is known only by that.
pub fn try_to_capture() -> Result<(), Error> {
    let tap =
        Tap { interface: ANY.to_owned(), network: None, namespace: None, link: LinkType::LINUX_SLL2, aside: None };
    let options = LiveOptions { ring_bytes: SMALL_RING, promiscuous: false, snap_len: 64, ..LiveOptions::default() };
    LiveTap::open(tap, TapId(0), None, &options, Stop::new()?).map(drop)
}

/// Tries to enter the network namespace at `path`, on a thread of its own that ends there.
pub fn try_to_enter(path: &Path) -> Result<(), Error> {
    Namespace::open(path)?.within(|| ())
}

/// What libpcap says of itself: `libpcap version 1.10.5 (with TPACKET_V3)`.
pub fn libpcap_version() -> String {
    // The pcap crate links libpcap, but does not pass this on.
    #[expect(unsafe_code, reason = "one function of libpcap that the pcap crate does not have")]
    // SAFETY: pcap_lib_version(3PCAP) takes nothing and gives a string that ends in zero and stays for ever.
    let text = unsafe {
        unsafe extern "C" {
            fn pcap_lib_version() -> *const c_char;
        }
        CStr::from_ptr(pcap_lib_version())
    };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_their_bits() {
        let root = Rights::parse("Name:\tx\nCapPrm:\t0\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n", "CapEff:");
        assert_eq!(root.missing(), Vec::<&str>::new());
        // CAP_NET_RAW and CAP_NET_ADMIN: what the first setcap of many guides gives.
        let some = Rights::parse("CapEff:\t0000000000003000\n", "CapEff:");
        assert_eq!(some.missing(), ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]);
        assert_eq!(Rights::parse("CapEff:\tnonsense\n", "CapEff:"), Rights::default());
        assert_eq!(Rights::parse("", "CapEff:"), Rights::default());
    }

    #[test]
    fn libpcap_says_its_version() {
        assert!(libpcap_version().starts_with("libpcap version 1."), "{}", libpcap_version());
    }
}
