//! What of all this holds for the calling thread, as the kernel says it (proc(5), `/proc/thread-self/status`).

use std::fs;

/// How the calling thread is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// No program that it starts gets more than it has (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privs: bool,
    /// A filter looks at its calls.
    pub filters_calls: bool,
}

/// How the calling thread is held; not at all where `/proc` is not mounted.
pub fn state() -> State {
    parse(&fs::read_to_string("/proc/thread-self/status").unwrap_or_default())
}

fn parse(status: &str) -> State {
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // SECCOMP_MODE_FILTER of `linux/seccomp.h`.
    State { no_new_privs: value("NoNewPrivs:") == Some("1"), filters_calls: value("Seccomp:") == Some("2") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let held = parse("Name:\tx\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n");
        assert_eq!(held, State { no_new_privs: true, filters_calls: true });
        assert_eq!(parse("NoNewPrivs:\t0\nSeccomp:\t0\n"), State::default());
        assert_eq!(parse(""), State::default());
    }
}
