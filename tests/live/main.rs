//! `bridgetap watch` on real containers of a real Docker Engine, against what the programs in them say they did.
//!
//! Truth is never the log itself: it is what ping, dig, curl, nc, redis or `docker inspect` printed, what a sender
//! counted, or what tcpdump recorded at the same time. All tests share the one lab of the machine, one at a time.
//!
//! `cargo test --test live -- --ignored --nocapture` as root also prints what was measured.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the lints know tests by their attribute, and these are their helpers; how late a line is, is by the clock"
)]

mod changes;
#[path = "../common/schema.rs"]
mod checker;
mod daemon;
mod drivers;
mod ends;
mod engine;
mod failures;
mod faults;
mod filters;
mod front;
mod host;
mod lab;
mod latency;
mod latency_probe;
mod latency_refused;
mod latency_terminal;
mod load;
mod lookups;
mod names;
mod networks;
mod overlay;
mod pings;
mod published;
mod recording;
mod recording_load;
mod screen;
mod security;
mod starts;
mod targets;
mod watching;
mod web;
