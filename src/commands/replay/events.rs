//! Events on their way to another thread: what they borrow is kept in two buffers for all of them, which are used
//! again, so that nothing is allocated for an event.

use std::borrow::Cow;
use std::ops::Range;

use crate::track::Event;
use crate::track::event::{Notice, Subject, What};

/// Events, in their order, with the bytes that they borrow.
#[derive(Default)]
pub(super) struct Events {
    /// They borrow nothing: where their bytes were is empty.
    list: Vec<Kept>,
    bytes: Vec<u8>,
    words: String,
}

struct Kept {
    event: Event<'static>,
    /// A name, a message or words.
    first: Range<usize>,
    /// The answer of a lookup, where there is one.
    second: Option<Range<usize>>,
}

impl Events {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Bytes that they borrow.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.words.len()
    }

    /// Keeps an event.
    pub fn push(&mut self, mut event: Event<'_>) {
        let (mut first, mut second) = (0..0, None);
        match &mut event {
            Event::Packet(packet) => {
                let start = self.words.len();
                self.words.push_str(&packet.words);
                packet.words = Cow::Borrowed("");
                first = start..self.words.len();
            }
            event => {
                if let Some((bytes, answer)) = borrowed(event) {
                    first = keep(&mut self.bytes, bytes);
                    second = answer.map(|answer| keep(&mut self.bytes, answer));
                }
            }
        }
        // What is empty is owned without a place of its own.
        self.list.push(Kept { event: event.into_owned(), first, second });
    }

    /// Hands them out in their order, and forgets them.
    pub fn take(&mut self) -> Taken<'_> {
        Taken { list: self.list.drain(..), bytes: &self.bytes, words: &self.words }
    }

    /// Begins anew, with the room that there is.
    pub fn clear(&mut self) {
        self.list.clear();
        self.bytes.clear();
        self.words.clear();
    }
}

/// Events that are handed out.
pub(super) struct Taken<'a> {
    list: std::vec::Drain<'a, Kept>,
    bytes: &'a [u8],
    words: &'a str,
}

impl<'a> Iterator for Taken<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let Kept { event, first, second } = self.list.next()?;
        let mut event: Event<'a> = event;
        match &mut event {
            Event::Packet(packet) => packet.words = Cow::Borrowed(self.words.get(first).unwrap_or_default()),
            event => {
                if let Some((bytes, answer)) = borrowed(event) {
                    *bytes = Cow::Borrowed(self.bytes.get(first).unwrap_or_default());
                    if let Some((answer, range)) = answer.zip(second) {
                        *answer = Cow::Borrowed(self.bytes.get(range).unwrap_or_default());
                    }
                }
            }
        }
        Some(event)
    }
}

/// Bytes that an event may borrow.
type Lent<'e, 'a> = &'e mut Cow<'a, [u8]>;

/// The bytes that an event borrows: a name or a message, and an answer.
fn borrowed<'e, 'a>(event: &'e mut Event<'a>) -> Option<(Lent<'e, 'a>, Option<Lent<'e, 'a>>)> {
    let subject = match event {
        Event::Exchange(exchange) => &mut exchange.subject,
        Event::Notice(Notice { what: What::Unasked { subject, .. }, .. }) => subject,
        Event::Notice(Notice { what: What::Dns { message, .. }, .. }) => return Some((message, None)),
        Event::Notice(_) | Event::Connection(_) | Event::Datagrams(_) | Event::Packet(_) | Event::Measured(_) => {
            return None;
        }
    };
    match subject {
        Subject::Lookup(lookup) => Some((&mut lookup.name, lookup.response.as_mut())),
        Subject::Ping { .. } | Subject::Neighbour { .. } => None,
    }
}

/// Puts bytes to the others; says where, and leaves nothing.
fn keep(all: &mut Vec<u8>, bytes: &mut Cow<'_, [u8]>) -> Range<usize> {
    let start = all.len();
    all.extend_from_slice(bytes);
    *bytes = Cow::Borrowed(&[]);
    start..all.len()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::capture::file::FileSource;
    use crate::capture::{Next, Source};
    use crate::decode::decode;
    use crate::track::{Limits, Tracker, packet_line};

    #[test]
    fn what_comes_back_is_what_was_kept() {
        let (mut events, mut expected, mut words) = (Events::default(), String::new(), String::new());
        for name in ["nginx-flask-redis", "ping-by-name"] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name);
            let mut source = FileSource::open(&path.with_extension("pcapng"), 0).unwrap();
            let mut tracker = Tracker::new(Limits { measures: true, ..Limits::default() });
            let mut keep = |event: Event<'_>| {
                writeln!(expected, "{event:?}").unwrap();
                events.push(event);
            };
            loop {
                match source.next().unwrap() {
                    Next::Frame(frame, _) => {
                        let packet = decode(&frame);
                        keep(packet_line(&packet, &mut words));
                        tracker.observe(&packet, &mut keep);
                    }
                    Next::End => break,
                    _ => {}
                }
            }
            tracker.finish(&mut keep);
            let count = events.len();
            assert!(count > 12 && events.bytes() > 0, "{count} events");
            let mut came = String::new();
            events.take().for_each(|event| writeln!(came, "{event:?}").unwrap());
            assert_eq!(came, expected);
            events.clear();
            assert_eq!((events.len(), events.bytes()), (0, 0));
            expected.clear();
        }
    }
}
