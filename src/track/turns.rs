//! Who speaks on a connection: the client's requests and the server's answers, of any protocol in which one side speaks
//! and then the other. See [`measured`](super::measured) for the rules.

use super::event::{Seen, Side};
use super::measured::{Measure, Reading};

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    /// Nobody has said anything that is not settled.
    #[default]
    Quiet,
    /// The server has spoken without being asked.
    Greeting,
    /// The client asks.
    Asking,
    /// The server answers.
    Answering,
    /// Both have spoken at once.
    AtOnce {
        /// The server has spoken since, after it had heard all.
        is_heard: bool,
    },
}

/// The turns of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turns {
    turn: Turn,
    /// The latest of the request's bytes, and the number after it.
    asked: (Seen, u32),
    /// The latest of the answer's bytes.
    answered: Seen,
}

/// New bytes on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spoken {
    /// Who sends them.
    pub by: Side,
    /// Which packet.
    pub seen: Seen,
    /// The number after the last of them.
    pub end: u32,
    /// The sender had heard all that the other side was seen to say.
    pub has_heard: bool,
}

/// What was found out of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// First or last byte.
    pub measure: Measure,
    /// The last byte of the request, and the number after it.
    pub asked: (Seen, u32),
    /// The byte of the answer.
    pub answered: Option<Seen>,
    /// What came of it.
    pub reading: Reading,
}

impl Turns {
    /// Follows new bytes.
    pub fn speak(&mut self, spoken: Spoken, on_found: &mut dyn FnMut(Found)) {
        match spoken.by {
            Side::Client => self.client(spoken, on_found),
            Side::Server => self.server(spoken, on_found),
        }
    }

    fn client(&mut self, Spoken { seen, end, has_heard, .. }: Spoken, on_found: &mut dyn FnMut(Found)) {
        let is_clean = match self.turn {
            Turn::Quiet | Turn::Asking => true,
            Turn::Greeting | Turn::Answering => has_heard,
            Turn::AtOnce { is_heard } => has_heard && is_heard,
        };
        let was = self.turn;
        if was == Turn::Answering {
            self.settle(if is_clean { self.last_byte() } else { Reading::AtOnce }, on_found);
        }
        self.asked = (seen, end);
        self.turn = if is_clean { Turn::Asking } else { Turn::AtOnce { is_heard: false } };
        if was == Turn::Greeting && !is_clean {
            self.give_up(Reading::AtOnce, on_found);
        }
    }

    fn server(&mut self, Spoken { seen, has_heard, .. }: Spoken, on_found: &mut dyn FnMut(Found)) {
        self.turn = match self.turn {
            Turn::Quiet | Turn::Greeting => Turn::Greeting,
            Turn::Asking if has_heard => {
                let reading = Reading::between(self.asked.0, seen);
                on_found(Found { measure: Measure::FirstByte, asked: self.asked, answered: Some(seen), reading });
                Turn::Answering
            }
            Turn::Asking => {
                self.give_up(Reading::AtOnce, on_found);
                Turn::AtOnce { is_heard: false }
            }
            Turn::Answering => Turn::Answering,
            Turn::AtOnce { .. } => Turn::AtOnce { is_heard: has_heard },
        };
        self.answered = seen;
    }

    /// The server says that it is done: its answer is whole.
    pub fn server_is_done(&mut self, on_found: &mut dyn FnMut(Found)) {
        if self.turn == Turn::Answering {
            self.settle(self.last_byte(), on_found);
            self.turn = Turn::Quiet;
        }
    }

    /// Nothing more is seen of the connection. `is_over` says that nothing more comes.
    pub fn end(&mut self, is_over: bool, on_found: &mut dyn FnMut(Found)) {
        match self.turn {
            Turn::Asking => self.give_up(Reading::Unanswered(1), on_found),
            Turn::Answering => self.settle(if is_over { self.last_byte() } else { Reading::Open }, on_found),
            Turn::Quiet | Turn::Greeting | Turn::AtOnce { .. } => {}
        }
        self.turn = Turn::Quiet;
    }

    fn last_byte(&self) -> Reading {
        Reading::between(self.asked.0, self.answered)
    }

    /// The end of an answer.
    fn settle(&self, reading: Reading, on_found: &mut dyn FnMut(Found)) {
        let answered = matches!(reading, Reading::Time(_) | Reading::SteppedBack).then_some(self.answered);
        on_found(Found { measure: Measure::LastByte, asked: self.asked, answered, reading });
    }

    /// A request that has no answer.
    fn give_up(&self, reading: Reading, on_found: &mut dyn FnMut(Found)) {
        for measure in [Measure::FirstByte, Measure::LastByte] {
            on_found(Found { measure, asked: self.asked, answered: None, reading });
        }
    }
}
