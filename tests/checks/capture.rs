//! A capture file, told in every form.

use bridgetap::render::Layout;

use super::output::assert_told;
use super::telling::tell;

const NARROW: Layout = Layout { width: Some(80), color: true, quiet: false, link_level: true, hops: true };

/// Whatever a file holds, what is told of it is text, and harmless. The last byte tells how it is laid out.
pub fn capture(bytes: &[u8]) {
    // What decompresses to more than it is has no bound here; `pcap` reads it.
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return;
    }
    let layout = if bytes.last().is_some_and(|last| last & 1 == 1) { NARROW } else { Layout::default() };
    assert_told(&tell(bytes.to_vec(), layout), layout, bytes.len(), "a capture");
}
