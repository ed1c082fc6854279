//! Ctrl-C, SIGTERM and SIGHUP.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::privilege;

/// Calls `tell` when the program is asked to end; a second time ends it at once.
pub(super) fn listen(tell: impl Fn() + Send + 'static) {
    listen_until(tell, || {});
}

/// The same, with something that is to be done before it ends at once.
pub(super) fn listen_until(tell: impl Fn() + Send + 'static, at_last: impl Fn() + Send + 'static) {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
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
    for signal in [SIGINT, SIGTERM] {
        // A second signal ends the program at once.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(stop));
        let _ = signal_hook::flag::register(signal, Arc::clone(stop));
    }
}
