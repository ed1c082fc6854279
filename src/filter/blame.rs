//! Which word libpcap stumbles over. It says only that it does.

/// Beyond so many words nobody looks for the one.
const MAX_WORDS: usize = 256;

/// What may follow a beginning that is right so far.
const COMPLETIONS: [&str; 10] =
    ["", " tcp", " 1", " 1.2.3.4", " host 1.2.3.4", " 02:00:00:00:00:01", " [0] = 0", " = 0", "0 = 0", " 1.2.3.0/24"];

/// Says what is wrong, and which of the words: the first without which the beginning could be completed and with which
/// it cannot. `None` is behind the last one: something is missing there. `why` is what libpcap said.
pub(super) fn find(words: &[String], why: &str, compiles: impl Fn(&str) -> bool) -> (String, Option<usize>) {
    if words.len() > MAX_WORDS {
        return (said(why, false), Some(0));
    }
    let mut right = 0;
    for length in 1..=words.len() {
        if is_beginning(words.get(..length).unwrap_or_default(), &compiles) {
            right = length;
        }
    }
    let at_end = right == words.len();
    (said(why, at_end), (!at_end).then_some(right))
}

fn is_beginning(words: &[String], compiles: &impl Fn(&str) -> bool) -> bool {
    let text = words.join(" ");
    let count = |char| words.iter().flat_map(|word| word.chars()).filter(|found| *found == char).count();
    let close = ")".repeat(count('(').saturating_sub(count(')')));
    COMPLETIONS.iter().any(|completion| compiles(&format!("{text}{completion}{close}")))
}

fn said(why: &str, at_end: bool) -> String {
    if !why.contains("syntax error") {
        return format!("libpcap says: {why}");
    }
    let what = if at_end { "something is missing at the end" } else { "this does not belong here" };
    format!("{what}; man 7 pcap-filter has the syntax")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{LinkType, bpf};

    fn blamed(text: &str) -> (String, Option<String>) {
        let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
        let compiles = |text: &str| bpf::check(text, LinkType::ETHERNET).is_ok();
        let why = bpf::check(text, LinkType::ETHERNET).unwrap_err();
        let (what, word) = find(&words, &why, compiles);
        (what, word.map(|word| words[word].clone()))
    }

    #[test]
    fn the_word_is_found() {
        for (text, word) in [
            ("host 1.2.3.4 andd port 80", Some("andd")),
            ("tcp port 80 8080", Some("8080")),
            ("tcp port htp", Some("htp")),
            ("( tcp and port 80", None),
            ("tcp and port 80 )", Some(")")),
            ("tcp and", None),
            ("tcp host 1.2.3.4", Some("host")),
            ("src host", None),
            ("tcp port 80 or or udp", Some("or")),
            ("len >", None),
            ("ip proto foo", Some("foo")),
            ("port 99999", Some("99999")),
        ] {
            assert_eq!(blamed(text).1.as_deref(), word, "{text}");
        }
        assert!(blamed("tcp port htp").0.contains("unknown port 'htp'"));
        assert!(blamed("tcp and").0.contains("missing at the end"));
    }
}
