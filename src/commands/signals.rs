//! Ctrl-C, SIGTERM and SIGHUP.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::privilege;

/// Whether it is to go on without its terminal, as nohup(1) has it.
static IS_HANGUP_IGNORED: OnceLock<bool> = OnceLock::new();

/// Looks at what the program was started with, while the files that say it may still be opened.
pub(super) fn begin() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    let _ = IS_HANGUP_IGNORED.set((ignored >> (SIGHUP - 1)) & 1 == 1);
}

/// Those that ask for the end.
fn heeded() -> impl Iterator<Item = i32> {
    let ignored = IS_HANGUP_IGNORED.get().is_some_and(|is_ignored| *is_ignored);
    [SIGINT, SIGTERM, SIGHUP].into_iter().filter(move |&signal| signal != SIGHUP || !ignored)
}

/// Calls `tell` when the program is asked to end; a second time ends it at once.
pub(super) fn listen(tell: impl Fn() + Send + 'static) {
    listen_until(tell, || {});
}

/// The same, with something that is to be done before it ends at once.
pub(super) fn listen_until(tell: impl Fn() + Send + 'static, at_last: impl Fn() + Send + 'static) {
    let Ok(mut signals) = Signals::new(heeded()) else { return };
    let listening = thread::Builder::new().name("signals".to_owned());
    // Where there can be no more threads, nothing else can be done either, and that is said.
    let _ = listening.spawn(move || {
        privilege::give_up_all();
        for (nth, _) in signals.forever().enumerate() {
            if nth > 0 {
                at_last();
                std::process::exit(130);
            }
            tell();
        }
    });
}

/// Sets `stop` when somebody presses Ctrl-C or ends the program: then the log ends with its summary.
pub(super) fn stop(stop: &Arc<AtomicBool>) {
    for signal in heeded() {
        // A second signal ends the program at once.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(stop));
        let _ = signal_hook::flag::register(signal, Arc::clone(stop));
    }
}
