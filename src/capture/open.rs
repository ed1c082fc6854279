//! Opening a live interface through libpcap, and what its words mean where it refuses.

use std::path::Path;

use nix::net::if_::if_nametoindex;
use pcap::{Active, Capture, Linktype, Precision};

use super::live::{ANY, LiveOptions};
use super::{Error, LinkType, interfaces};

/// After what time the kernel hands over a block of the ring that is not full, in milliseconds.
const BLOCK_TIMEOUT: i32 = 10;

/// Opens the interface in the network namespace of this thread, and tells its index, which `any` has not.
pub(super) fn activate(
    interface: &str,
    namespace: Option<&Path>,
    options: &LiveOptions,
) -> Result<(Capture<Active>, Option<u32>), Error> {
    let any = interface == ANY;
    // Also because libpcap takes names such as nflog and usbmon0 for devices of its own.
    if !any && interfaces::find(interface)?.is_none() {
        return Err(Error::NoInterface {
            interface: interface.to_owned(),
            namespace: namespace.map(Path::to_owned),
            nearest: interfaces::nearest(interface),
        });
    }
    let refused = |error: &pcap::Error| refused(interface, namespace, said(error));
    let mut capture = Capture::from_device(interface)
        .map_err(|error| refused(&error))?
        .precision(Precision::Nano)
        // On `any` it is refused, with a warning that the crate takes for an error.
        .promisc(options.promiscuous && !any)
        .snaplen(i32::try_from(options.snap_len).unwrap_or(i32::MAX))
        .buffer_size(i32::try_from(options.ring_bytes).unwrap_or(i32::MAX))
        .timeout(BLOCK_TIMEOUT)
        .immediate_mode(options.immediate)
        .open()
        .map_err(|error| refused(&error))?;
    if any {
        // Without it (libpcap before 1.10) the frames do not say their interface, but they are the same.
        let _ = capture.set_datalink(Linktype(i32::from(LinkType::LINUX_SLL2.0)));
    }
    if let Some(filter) = &options.filter {
        let wrong = |error| Error::Filter { filter: filter.clone(), why: said(&error) };
        capture.filter(filter, true).map_err(wrong)?;
    }
    let index = if any { None } else { if_nametoindex(interface).ok() };
    Ok((capture.setnonblock().map_err(|error| refused(&error))?, index))
}

/// Why opening failed. The crate tells only libpcap's words, not its code.
fn refused(interface: &str, namespace: Option<&Path>, why: String) -> Error {
    let interface = interface.to_owned();
    let lower = why.to_lowercase();
    if lower.contains("promisc") || lower.contains("packet_add_membership") {
        return Error::Promiscuous { interface, why };
    }
    if ["permission", "not permitted", "cap_net_raw"].iter().any(|words| lower.contains(words)) {
        return Error::NotPermitted { interface, namespace: namespace.map(Path::to_owned) };
    }
    if ["not up", "went down", "network is down"].iter().any(|words| lower.contains(words)) {
        return Error::InterfaceDown { interface };
    }
    Error::Capture { interface, why }
}

/// What libpcap said, without the crate's words around it.
pub(super) fn said(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(words) => words.clone(),
        other => other.to_string(),
    }
}

/// Linux' own number for raw IP, which is another one in files.
const DLT_RAW: LinkType = LinkType(12);

/// The number in files for what a live handle has: on Linux only raw IP is numbered otherwise.
pub(super) fn link_type(live: Linktype) -> LinkType {
    let link = LinkType(u16::try_from(live.0).unwrap_or(u16::MAX));
    if link == DLT_RAW { LinkType::RAW } else { link }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libpcaps_words_are_understood() {
        let words = "eth0: You don't have permission to perform this capture on that device (socket: Operation not \
                     permitted)";
        assert!(matches!(refused("eth0", None, words.into()), Error::NotPermitted { .. }));
        let words = "Attempt to create packet socket failed - CAP_NET_RAW may be required";
        assert!(matches!(refused("eth0", None, words.into()), Error::NotPermitted { .. }));
        let words = "setsockopt (PACKET_ADD_MEMBERSHIP): Operation not supported";
        assert!(matches!(refused("eth0", None, words.into()), Error::Promiscuous { .. }));
        let words = "That device is not up";
        assert!(matches!(refused("eth0", None, words.into()), Error::InterfaceDown { .. }));
        assert!(matches!(refused("eth0", None, "can't mmap rx ring".into()), Error::Capture { .. }));
    }

    #[test]
    fn raw_ip_has_its_number_of_files() {
        assert_eq!(link_type(Linktype(12)), LinkType::RAW);
        assert_eq!(link_type(Linktype(1)), LinkType::ETHERNET);
        assert_eq!(link_type(Linktype(276)), LinkType::LINUX_SLL2);
    }
}
