//! Explanations under the lines of the log: as text, and as JSON.

use serde::Serialize;

use super::columns::{flow, words};
use crate::explain::{Reference, Topic};

/// What each line of an explanation begins with, so that it is told from the log without colours, too.
const MARGIN: &str = "    │ ";
/// Lines of explanations are no longer than this in columns: longer ones are hard to read.
const MEASURE: usize = 100;

/// A topic as JSON has it.
#[derive(Serialize)]
pub struct Explanation {
    kind: &'static str,
    topic: &'static str,
    text: &'static str,
    see: &'static [Reference],
}

impl Explanation {
    /// The object of a topic.
    pub const fn new(topic: &'static Topic) -> Self {
        Self { kind: "explanation", topic: topic.name, text: topic.text, see: topic.see }
    }
}

/// A topic as lines of text, each without its end: the sentence, and below it the first of its references. `width` is
/// the terminal's; an address (URL) that is longer than it is not broken.
pub(super) fn lines(topic: &Topic, width: Option<usize>) -> Vec<String> {
    let width = width.unwrap_or(MEASURE).min(MEASURE);
    let mut lines = Vec::new();
    let mut paragraph = |text: &str| {
        let mut out = MARGIN.to_owned();
        flow(&mut out, &words(text), " ", MARGIN, super::units::columns(MARGIN), Some(width));
        lines.extend(out.split('\n').map(str::to_owned));
    };
    paragraph(topic.text);
    if let Some(Reference { title, url }) = topic.see.first() {
        paragraph(&format!("See {title}, {url}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: Topic = Topic {
        name: "topic",
        text: "A sentence that is long enough to be broken.",
        see: &[Reference { title: "RFC 826", url: "https://www.rfc-editor.org/rfc/rfc826" }],
    };

    #[test]
    fn a_sentence_is_broken_to_the_width() {
        assert_eq!(
            lines(&TOPIC, Some(30)),
            [
                "    │ A sentence that is long",
                "    │ enough to be broken.",
                "    │ See RFC 826,",
                "    │ https://www.rfc-editor.org/rfc/rfc826",
            ]
        );
        let whole =
            [format!("    │ {}", TOPIC.text), "    │ See RFC 826, https://www.rfc-editor.org/rfc/rfc826".to_owned()];
        assert_eq!(lines(&TOPIC, None), whole);
        assert_eq!(lines(&TOPIC, Some(500)), whole);
    }
}
