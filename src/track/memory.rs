//! What memory is asked for before it is needed.

/// The length of a line of the cache in bytes, on nearly all processors.
const LINE: usize = 64;

/// Has all lines of the cache fetched from memory that a value stands in. The processor goes on meanwhile, where a load
/// would hold up what comes behind it. On other processors than those of x86-64 it does nothing.
#[inline]
pub(super) fn fetch<T>(value: &T) {
    let start = std::ptr::from_ref(value).cast::<i8>();
    for line in 0..size_of::<T>().div_ceil(LINE) {
        fetch_line(start.wrapping_add(line * LINE));
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "there is no safe way to say it")]
#[inline]
fn fetch_line(at: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint, which neither reads nor writes, whatever the address is.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at) };
}

#[cfg(not(target_arch = "x86_64"))]
const fn fetch_line(_at: *const i8) {}
