//! Waiting while somebody listens: it ends when the program is to end, or when nobody reads the log any more.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::pace::{Clock, Rest};

/// Whoever reads the log, and may end it.
pub(super) struct Audience {
    /// Where the log goes; `None` where that cannot be seen.
    out: Option<OwnedFd>,
    /// Set when the program is to end.
    stop: Arc<AtomicBool>,
}

/// What happened while it was waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing, and the time may be over.
    Nothing,
    /// There are keys to be read.
    Keys,
    /// The program is to end.
    Stopped,
    /// Nobody reads the log any more.
    Unread,
}

impl Audience {
    /// `out` is where the log goes; `stop` is set when the program is to end.
    pub const fn new(out: Option<OwnedFd>, stop: Arc<AtomicBool>) -> Self {
        Self { out, stop }
    }

    /// Waits for that long, or until something happens; a signal ends it early. `keys` is where keys come from.
    pub fn wait(&self, longest: Duration, keys: Option<BorrowedFd<'_>>) -> Heard {
        if self.stop.load(Ordering::Relaxed) {
            return Heard::Stopped;
        }
        // No events: that nobody has the other end open is always told (poll(2)).
        let out = self.out.iter().map(|out| PollFd::new(out.as_fd(), PollFlags::empty()));
        let keys = keys.into_iter().map(|keys| PollFd::new(keys, PollFlags::POLLIN));
        let mut watched: Vec<_> = out.chain(keys).collect();
        let is_ready = ppoll(&mut watched, Some(TimeSpec::from_duration(longest)), None).is_ok_and(|count| count > 0);
        let said =
            |at: usize| watched.get(at).and_then(PollFd::revents).filter(|_| is_ready).unwrap_or(PollFlags::empty());
        let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
        if self.stop.load(Ordering::Relaxed) {
            Heard::Stopped
        } else if self.out.is_some() && said(0).intersects(gone) {
            Heard::Unread
        } else if !said(usize::from(self.out.is_some())).is_empty() {
            Heard::Keys
        } else {
            Heard::Nothing
        }
    }

    /// Rests for that long, or until the story is to end.
    pub fn rest(&self, longest: Duration) -> Rest {
        match self.wait(longest, None) {
            Heard::Nothing | Heard::Keys => Rest::Over,
            Heard::Stopped => Rest::Stopped,
            Heard::Unread => Rest::Unread,
        }
    }
}

/// The machine's clock.
pub(super) struct WallClock {
    began: Instant,
    rest: Box<dyn FnMut(Duration) -> Rest + Send>,
}

impl WallClock {
    /// A clock that begins to run. `rest` rests for that long, or until the story is to end.
    pub fn new(rest: impl FnMut(Duration) -> Rest + Send + 'static) -> Self {
        Self { began: monotonic(), rest: Box::new(rest) }
    }
}

impl Clock for WallClock {
    fn now(&self) -> Duration {
        monotonic().saturating_duration_since(self.began)
    }

    fn rest(&mut self, longest: Duration) -> Rest {
        (self.rest)(longest)
    }
}

/// The clock for waiting between lines: nothing that is shown comes from it.
#[expect(clippy::disallowed_methods, reason = "how long a line is waited for is no packet's time")]
fn monotonic() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{pipe, write};

    /// Long enough that a test that waits for it is seen to.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_reader_that_goes_away_ends_a_wait() {
        let (reader, writer) = pipe().unwrap();
        let audience = Audience::new(Some(writer), Arc::default());
        assert_eq!(audience.wait(Duration::from_millis(1), None), Heard::Nothing);
        let waiting = std::thread::spawn(move || audience.wait(LONG, None));
        drop(reader);
        assert_eq!(waiting.join().unwrap(), Heard::Unread);
    }

    #[test]
    fn keys_and_the_end_are_heard() {
        let (reader, writer) = pipe().unwrap();
        let (keys, presses) = pipe().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let audience = Audience::new(Some(writer), Arc::clone(&stop));
        assert_eq!(audience.wait(Duration::from_millis(1), Some(keys.as_fd())), Heard::Nothing);
        write(&presses, b" ").unwrap();
        assert_eq!(audience.wait(LONG, Some(keys.as_fd())), Heard::Keys);
        assert_eq!(Audience::new(None, Arc::clone(&stop)).wait(LONG, Some(keys.as_fd())), Heard::Keys);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(audience.wait(LONG, Some(keys.as_fd())), Heard::Stopped);
        assert_eq!(audience.rest(LONG), Rest::Stopped);
        drop(reader);
    }

    #[test]
    fn a_rest_takes_its_time_and_a_file_is_always_read() {
        let file = tempfile::tempfile().unwrap();
        let audience = Audience::new(Some(file.into()), Arc::default());
        let mut clock = WallClock::new(move |longest| audience.rest(longest));
        let before = clock.now();
        assert_eq!(clock.rest(Duration::from_millis(20)), Rest::Over);
        assert!(clock.now().saturating_sub(before) >= Duration::from_millis(20));
    }
}
