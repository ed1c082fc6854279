//! `--pace`: when the next line is told. Each line waits for its turn here, before it is counted and written.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::audience::{Audience, WallClock};
use super::bar::has_sequences;
use super::keys::Key;
use super::terminal::{Look, Terminal};
use super::{Streams, wants_color};
use crate::cli::{self, Pace};
use crate::decode::message::ProtocolId;
use crate::time::Timestamp;
use crate::track::event::Event;

/// Waits up to this length are waited in full: a resolver asks again after 5 s, which is a thing to see.
const SILENCE: Duration = Duration::from_secs(6);
/// What is left of a longer one.
const SHORTENED: Duration = Duration::from_secs(2);
/// How late a line may be for the lines after it to make up for it. After more, the story goes on from where it is.
const LAG: Duration = Duration::from_millis(250);
/// The longest rest in one piece: so it is seen that the process was stopped meanwhile.
const PIECE: Duration = Duration::from_millis(50);

/// The prompt between two lines.
pub(super) const PROMPT: &str = "space next line · e exchange · b start · g go on · q quit · ? keys";
/// The prompt after the last line.
pub(super) const END: &str = "the end · space summary · b back to the start · q quit";
/// The prompt of a pause.
pub(super) const PAUSED: &str = "paused · space goes on · q quit";
/// What `?` shows.
pub(super) const HELP: &str = "\
space, Enter, →, n   the next line
e                    on to the end of the next exchange
b, Home              back to the start
g, c                 go on without stopping
q, Ctrl-C            quit, with the summary of what was told
?                    these keys";

/// The terminal that keys are read from: by keys always, else to pause, where the log is on a terminal too, so that
/// nobody else reads from it. It hears the signals, since it has to be put in order before the program ends.
///
/// # Errors
/// Keys are wanted, and there is no terminal; the text says so.
pub(super) fn terminal(
    arguments: &cli::Replay,
    streams: &mut Streams,
    stop: &Arc<AtomicBool>,
) -> Result<Option<Terminal>, String> {
    let is_wanted = match arguments.pace {
        Pace::Max => false,
        Pace::Times(_) => streams.out_is_terminal,
        Pace::Step => true,
    };
    if !is_wanted {
        return Ok(None);
    }
    let has_sequences = has_sequences();
    let look = Look { has_sequences, is_dim: has_sequences && wants_color(arguments.output.color, true) };
    match Terminal::open(&mut streams.out_fd, stop, look) {
        Ok(terminal) => Ok(Some(terminal)),
        Err(error) if arguments.pace == Pace::Step => Err(format!(
            "--pace step waits for keys, and there is no terminal to read them from ({error}); try --pace 1x"
        )),
        Err(_) => Ok(None),
    }
}

/// The pacer that the user wants; none where nothing is waited for. `no_way_back` says why the story cannot begin again,
/// where it cannot.
pub(super) fn pacer(
    pace: Pace,
    terminal: Option<Terminal>,
    audience: Audience,
    no_way_back: Option<String>,
) -> Option<Pacer> {
    match (pace, terminal) {
        (Pace::Times(times), Some(mut terminal)) => {
            Some(Pacer::times(times, Box::new(WallClock::new(move |longest| terminal.rest(longest)))))
        }
        (Pace::Times(times), None) => {
            Some(Pacer::times(times, Box::new(WallClock::new(move |longest| audience.rest(longest)))))
        }
        (Pace::Step, Some(terminal)) => Some(Pacer::step(Box::new(terminal), no_way_back)),
        (Pace::Max, _) | (Pace::Step, None) => None,
    }
}

/// A clock to wait by. What is shown never comes from it.
pub(super) trait Clock: Send {
    /// How long it has been running.
    fn now(&self) -> Duration;
    /// Rests for so long, or until the story is to end.
    fn rest(&mut self, longest: Duration) -> Rest;
}

/// Why a rest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Its time was over.
    Over,
    /// The program is to end.
    Stopped,
    /// Nobody reads the log any more.
    Unread,
}

/// Whoever presses keys.
pub(super) trait Keys: Send {
    /// Shows a prompt, and waits for a key. The prompt is gone when this returns.
    fn ask(&mut self, prompt: &str) -> Answer;
}

/// What came while a key was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A key.
    Key(Key),
    /// The program is to end.
    Stopped,
    /// Nobody reads the log any more.
    Unread,
}

/// Whether the story goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Going {
    /// It does.
    On,
    /// It ends here, with its summary.
    Ended,
    /// It begins again.
    Again,
    /// It ends, and nobody reads it.
    Unread,
}

/// Gives each line its turn.
pub(super) struct Pacer {
    mode: Mode,
    going: Going,
    /// The packet time at which the latest line was known; `None` before the first.
    latest: Option<Timestamp>,
}

enum Mode {
    Times {
        times: f64,
        clock: Box<dyn Clock>,
        due: Duration,
    },
    Step(Step),
    /// Lines by keys, until somebody let it go on.
    Free,
}

/// Lines by keys.
struct Step {
    keys: Box<dyn Keys>,
    until: Until,
    /// Why the story cannot begin again, where it cannot.
    no_way_back: Option<String>,
}

/// Up to where lines are told without another key.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Until {
    Next,
    /// While lines are of one exchange and its repeats; `None`: of whichever comes first.
    Other(Option<Group>),
    /// The packet that completes an exchange; whether that was told.
    Complete(bool),
}

/// What the repeats of an exchange share.
type Group = (What, [IpAddr; 2]);

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Exchange(ProtocolId),
    Connection,
    Datagrams,
}

impl Pacer {
    /// So many times the speed of the packets.
    pub fn times(times: f64, clock: Box<dyn Clock>) -> Self {
        Self { mode: Mode::Times { times, clock, due: Duration::ZERO }, going: Going::On, latest: None }
    }

    /// By keys. `no_way_back` says why the story cannot begin again, where it cannot.
    pub fn step(keys: Box<dyn Keys>, no_way_back: Option<String>) -> Self {
        let step = Step { keys, until: Until::Next, no_way_back };
        Self { mode: Mode::Step(step), going: Going::On, latest: None }
    }

    /// Whether more is to be told.
    pub const fn going(&self) -> Going {
        self.going
    }

    /// Waits until it is the turn of this event's line, and says a silence before it with `say`, in packet time.
    pub fn turn(&mut self, event: &Event<'_>, say: &mut dyn FnMut(Duration)) -> Going {
        let at = event.known_at();
        // Where time steps back there is nothing to wait for, and the next line waits from here.
        let gap = self.latest.map(|latest| at - latest);
        match &mut self.mode {
            Mode::Times { times, clock, due } => self.going = wait(*times, clock.as_mut(), due, gap, say),
            Mode::Step(step) => {
                let (going, goes_free) = gap.map_or((Going::On, false), |_| step.ask_before(event));
                self.going = going;
                if goes_free {
                    self.mode = Mode::Free;
                }
                say_long(gap, going, say);
            }
            Mode::Free => say_long(gap, self.going, say),
        }
        if self.going == Going::On {
            self.latest = Some(at);
        }
        self.going
    }

    /// Takes note that the line was written, which may have taken its time.
    pub fn told(&mut self) {
        if let Mode::Times { clock, due, .. } = &mut self.mode {
            let now = clock.now();
            if now.saturating_sub(*due) > LAG {
                *due = now;
            }
        }
    }

    /// Takes note of an event that has no line.
    pub fn pass(&mut self, event: &Event<'_>) {
        if let Mode::Step(Step { until: Until::Complete(is_told), .. }) = &mut self.mode {
            *is_told |= group(event).is_some();
        }
    }

    /// The last line was told: by keys, somebody may want to go back before the summary.
    pub fn end(&mut self) -> Going {
        if let Mode::Step(step) = &mut self.mode
            && self.going == Going::On
            && self.latest.is_some()
        {
            self.going = match step.ask(END) {
                (Going::On, _) => Going::Ended,
                (going, _) => going,
            };
        }
        self.going
    }

    /// The story begins again.
    pub fn begin_again(&mut self) {
        (self.going, self.latest) = (Going::On, None);
        if let Mode::Step(step) = &mut self.mode {
            step.until = Until::Next;
        }
    }
}

/// A silence is said where nobody waits for it, too.
fn say_long(gap: Option<Duration>, going: Going, say: &mut dyn FnMut(Duration)) {
    if let Some(gap) = gap.filter(|gap| *gap > SILENCE && going == Going::On) {
        say(gap);
    }
}

/// Waits until a line is due that comes `gap` of packet time after the one before. `due` is when that was due, and then
/// when this one is.
fn wait(
    times: f64,
    clock: &mut dyn Clock,
    due: &mut Duration,
    gap: Option<Duration>,
    say: &mut dyn FnMut(Duration),
) -> Going {
    let Some(gap) = gap else {
        *due = clock.now();
        return Going::On;
    };
    *due = due.saturating_add(Duration::try_from_secs_f64(gap.as_secs_f64() / times).unwrap_or(Duration::MAX));
    let now = clock.now();
    // What came late, as from a live pipe, has been waited for already.
    if due.saturating_sub(now) > SILENCE {
        say(gap);
        *due = now + SHORTENED;
    }
    loop {
        let now = clock.now();
        let piece = due.saturating_sub(now).min(PIECE);
        if piece.is_zero() {
            return Going::On;
        }
        match clock.rest(piece) {
            Rest::Over => {}
            Rest::Stopped => return Going::Ended,
            Rest::Unread => return Going::Unread,
        }
        // A pause, or the process was stopped: it goes on from where it was.
        let took = clock.now().saturating_sub(now);
        if took > piece + LAG {
            *due = due.saturating_add(took).saturating_sub(piece);
        }
    }
}

impl Step {
    /// Asks for a key before a line, if it is time for one: how the story goes on, and whether without stopping.
    fn ask_before(&mut self, event: &Event<'_>) -> (Going, bool) {
        let group = group(event);
        match &mut self.until {
            // What is no exchange is passed over.
            Until::Other(_) if group.is_none() => return (Going::On, false),
            Until::Other(begun @ None) => {
                *begun = group;
                return (Going::On, false);
            }
            Until::Other(begun) if *begun == group => return (Going::On, false),
            Until::Complete(false) => return (Going::On, false),
            _ => {}
        }
        let (going, key) = self.ask(PROMPT);
        self.until = match key {
            Some(Key::Exchange) if matches!(event, Event::Packet(_)) => Until::Complete(false),
            Some(Key::Exchange) => Until::Other(group),
            _ => Until::Next,
        };
        (going, key == Some(Key::GoOn))
    }

    /// Asks until there is a key that the story can go on by.
    fn ask(&mut self, prompt: &str) -> (Going, Option<Key>) {
        let mut shown = prompt;
        loop {
            match self.keys.ask(shown) {
                Answer::Stopped | Answer::Key(Key::Quit) => return (Going::Ended, None),
                Answer::Unread => return (Going::Unread, None),
                Answer::Key(Key::Help) => shown = HELP,
                Answer::Key(Key::Suspend) => shown = prompt,
                Answer::Key(Key::Back) => match &self.no_way_back {
                    Some(why) => shown = why,
                    None => return (Going::Again, None),
                },
                Answer::Key(key @ (Key::Next | Key::Exchange | Key::GoOn)) => return (Going::On, Some(key)),
            }
        }
    }
}

/// The exchange that an event is the end of, or a connection's or flow's beginning or end; none of what wants no answer.
fn group(event: &Event<'_>) -> Option<Group> {
    let (what, ends) = match event {
        Event::Exchange(exchange) => (What::Exchange(exchange.protocol), exchange.ends),
        Event::Connection(connection) => (What::Connection, connection.ends),
        Event::Datagrams(datagrams) => (What::Datagrams, datagrams.ends),
        Event::Notice(_) | Event::Packet(_) | Event::Measured(_) => return None,
    };
    let mut pair = [ends.client.address, ends.server.address];
    pair.sort_unstable();
    Some((what, pair))
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
