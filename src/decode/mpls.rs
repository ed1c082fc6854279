//! MPLS label stacks (RFC 3032) before IP.

use super::link::{ETHERTYPE_IPV4, ETHERTYPE_IPV6};

/// `EtherTypes` of MPLS, unicast and multicast (RFC 5332, 5).
const ETHERTYPES: [u16; 2] = [0x8847, 0x8848];
/// As many labels are read through before a frame is given up as hostile.
const MAX_LABELS: usize = 16;

/// The `EtherType` of what lies below the labels, and it, where that is IP. Labels do not say what they are put on
/// (RFC 3032, 2.2): it is IP if it begins as IP does, as every observer takes it.
#[inline]
pub(super) fn open(ethertype: u16, labels: &[u8]) -> Option<(u16, &[u8])> {
    if ETHERTYPES.contains(&ethertype) { below(labels) } else { None }
}

#[inline(never)]
fn below(labels: &[u8]) -> Option<(u16, &[u8])> {
    let mut rest = labels;
    for _ in 0..MAX_LABELS {
        let (label, inner) = rest.split_first_chunk::<4>()?;
        rest = inner;
        // The bottom of the stack.
        if label[2] & 1 == 1 {
            return match rest.first()? >> 4 {
                4 => Some((ETHERTYPE_IPV4, rest)),
                6 => Some((ETHERTYPE_IPV6, rest)),
                _ => None,
            };
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ip_is_found_below_the_labels() {
        let labels = [0, 1, 0, 64, 0, 2, 1, 64];
        let with = |first: u8| [&labels[..], &[first, 9]].concat();
        assert_eq!(open(0x8847, &with(0x45)), Some((ETHERTYPE_IPV4, &[0x45, 9][..])));
        assert_eq!(open(0x8848, &with(0x60)), Some((ETHERTYPE_IPV6, &[0x60, 9][..])));
        assert_eq!(open(0x8847, &with(0x00)), None, "a pseudowire");
        assert_eq!(open(0x88cc, &with(0x45)), None);
        for cut in 0..=labels.len() {
            assert_eq!(open(0x8847, &labels[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn endless_labels_end() {
        assert_eq!(open(0x8847, &[0; 4000]), None);
    }
}
