//! Segments in disorder: the acknowledgements that are found, and their times, are those of tshark.

use bridgetap::capture::{LinkType, TapId};
use bridgetap::time::Timestamp;

use crate::batch::Batch;
use crate::common::disorder::disorder;
use crate::corpus::Comparison;
use crate::frames::Kept;
use crate::said::{Score, Subject};
use crate::tshark;

#[test]
fn what_is_sent_again_and_in_disorder_has_the_same_pairs_and_times() {
    if !tshark::is_there() {
        return;
    }
    let kept = |(number, (at, bytes)): (u64, (Timestamp, Vec<u8>))| {
        let wire_len = bytes.len() as u32;
        Kept { number, at, wire_len, bytes, link: LinkType::ETHERNET, tap: TapId(0) }
    };
    let frames: Vec<_> = (1..).zip(disorder()).map(kept).collect();
    let mut comparison = Comparison::default();
    comparison.add(&Batch::of(("disorder", &frames)));
    comparison.report("disorder");
    let Score { both, only_ours, only_theirs, times_differ } = comparison.score(Subject::Acknowledgement);
    assert_eq!((only_ours, only_theirs, times_differ), (0, 0, 0), "acknowledgements");
    assert!(both >= 2000, "only {both}");
    let Score { both, only_ours, only_theirs, .. } = comparison.score(Subject::DuplicateAck);
    // Those answer what looks like a keep-alive behind a FIN, which real senders do not send: there it is an acknowledgement
    // that the FIN has overtaken.
    let few = only_ours < both / 50;
    assert_eq!((both > 900, few, only_theirs), (true, true, 0), "{only_ours} only here; keep-alives are among them");
}
