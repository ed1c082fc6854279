//! DNS messages and names.

use bridgetap::decode::describe;
use bridgetap::decode::dns::{Message, Name};

use super::output::assert_text;

/// The longest name on the wire (RFC 1035, 2.3.4).
const MAX_NAME: usize = 255;

/// A message, and the same bytes as a name.
pub fn dns(bytes: &[u8]) {
    name(&Name::standalone(bytes));
    let Some(message) = Message::new(bytes) else { return };
    assert_eq!(message.bytes(), bytes);
    let questions: Vec<_> = message.questions().collect();
    assert!(questions.len() <= usize::from(message.question_count()));
    let answers: Vec<_> = message.answers().collect();
    assert!(answers.len() <= usize::from(message.answer_count()));
    for question in &questions {
        name(&question.name);
        assert_text(question.kind.to_string().as_bytes(), false, "a type");
    }
    for record in &answers {
        name(&record.name);
        assert!(record.data().len() <= bytes.len());
        // At worst each byte becomes a decimal escape, and names that are pointed at are written out.
        let text = record.to_string();
        assert_text(text.as_bytes(), false, "a record");
        assert!(text.len() <= 64 + record.data().len() * 6 + MAX_NAME * 8, "{text}");
    }
    assert_text(message.rcode().to_string().as_bytes(), false, "a response code");
    let mut words = String::new();
    describe::dns_message(&message, &mut words).unwrap();
    assert_text(words.as_bytes(), false, "a message");
    words.clear();
    describe::answers(&message, &mut words).unwrap();
    assert_text(words.as_bytes(), false, "answers");
}

/// A name is no longer than names are, and is the same when it is written without pointers.
fn name(name: &Name<'_>) {
    let text = name.to_string();
    assert_text(text.as_bytes(), false, "a name");
    assert!(!text.contains('\n'), "{text:?}");
    let mut wire = Vec::new();
    name.write_wire(&mut wire);
    assert!(wire.len() <= MAX_NAME, "{} bytes", wire.len());
    // Written in lower case, which makes no difference to names (RFC 4343).
    let again = Name::standalone(&wire);
    assert_eq!((again, again.is_root()), (*name, name.is_root()));
    assert_eq!(again.labels().count(), name.labels().count());
}
