//! What the process gives up, so that bytes from a wire that fool it can do little with it.
//!
//! Four things that do not lean on each other: the capabilities that no later work needs ([`keep`]), the calls that no
//! work needs ([`forbid_calls`]), the files that a thread does not touch ([`Files`]), and being root at all ([`User`]).
//! Each is the kernel's, and what the kernel does not have is left out: [`state`] says what holds. Nothing here knows what
//! a command needs; `commands/confined.rs` does. docs/security.md has the table, and what was measured.

mod calls;
mod capabilities;
mod files;
mod state;
mod user;

pub use calls::forbid as forbid_calls;
pub use capabilities::{Capability, is_root, keep, keep_paths};
pub use files::{Files, landlock};
pub use state::{State, state};
pub use user::User;

/// For a thread that only waits: it keeps no capability, and opens nothing.
pub fn give_up_all() {
    // What the kernel refuses to take away was said at the beginning of the program.
    let _ = keep(&[]);
    Files::default().restrict();
}

/// For a thread that asks the daemon: it keeps no capability but to find paths, and writes no file.
pub fn only_ask() {
    let _ = keep_paths();
    Files::read_only().restrict();
}
