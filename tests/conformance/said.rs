//! What the two programs say of a file, in a form in which it can be compared: facts by frame number.

use std::collections::BTreeMap;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The protocol of each packet.
    Protocol,
    /// The operation and addresses of each ARP packet.
    Arp,
    /// By the reply, the request.
    Ping,
    /// By the answer, the question.
    Lookup,
    /// By the first question, how often it was asked, where more than once.
    Asked,
    /// The names of a DNS message's questions.
    Name,
    /// The types of a DNS message's questions and answers.
    Type,
    /// The response code of a DNS message.
    Rcode,
    /// Addresses and names in a DNS message's answers.
    Answer,
    /// By its first packet, a connection and who opened it.
    Connection,
    /// By its first packet, the nanoseconds of a connection's handshake.
    Handshake,
    /// By the acknowledgement, the segment.
    Acknowledgement,
    /// Segments that were sent again.
    Retransmission,
    /// Segments that came after later ones.
    OutOfOrder,
    /// Acknowledgements that say nothing new.
    DuplicateAck,
    /// Segments that say: send nothing for now.
    ZeroWindow,
    /// Resets.
    Reset,
    /// By its first packet, the bytes each way of a connection.
    Bytes,
}

/// By frame number, in words.
pub type Facts = BTreeMap<u64, String>;

/// What one of the programs says.
#[derive(Debug, Default)]
pub struct Said {
    pub facts: BTreeMap<Subject, Facts>,
    /// Nanoseconds from the earlier frame, of pairs.
    pub times: BTreeMap<Subject, BTreeMap<u64, i64>>,
    /// Nanoseconds of whole handshakes.
    pub trips: Vec<i64>,
}

impl Said {
    pub fn say(&mut self, subject: Subject, frame: u64, words: impl Into<String>) {
        self.facts.entry(subject).or_default().insert(frame, words.into());
    }

    /// A later frame that belongs to an earlier one, and the nanoseconds between them.
    pub fn pair(&mut self, subject: Subject, later: u64, earlier: u64, nanos: i64) {
        self.say(subject, later, earlier.to_string());
        self.times.entry(subject).or_default().insert(later, nanos);
    }

    pub fn get(&self, subject: Subject) -> impl Iterator<Item = (u64, &str)> {
        self.facts.get(&subject).into_iter().flatten().map(|(frame, words)| (*frame, words.as_str()))
    }
}

/// How far two programs agree on a subject.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    pub both: u64,
    pub only_ours: u64,
    pub only_theirs: u64,
    /// Of the pairs that both have, those whose times differ.
    pub times_differ: u64,
}

impl Score {
    pub fn add(&mut self, other: Self) {
        self.both += other.both;
        self.only_ours += other.only_ours;
        self.only_theirs += other.only_theirs;
        self.times_differ += other.times_differ;
    }

    pub fn precision(&self) -> f64 {
        share(self.both, self.both + self.only_ours)
    }

    pub fn recall(&self) -> f64 {
        share(self.both, self.both + self.only_theirs)
    }

    pub fn f1(&self) -> f64 {
        share(2 * self.both, 2 * self.both + self.only_ours + self.only_theirs)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of frames")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// Compares what is said of a file's interface, adds to the scores, and hands over each disagreement: the subject, the
/// frame, and what we and they say.
pub fn compare(
    (ours, theirs): (&Said, &Said),
    scores: &mut BTreeMap<Subject, Score>,
    mut disagree: impl FnMut(Subject, u64, &str, &str),
) {
    let subjects: std::collections::BTreeSet<_> = ours.facts.keys().chain(theirs.facts.keys()).copied().collect();
    for subject in subjects {
        let score = scores.entry(subject).or_default();
        let theirs_of: BTreeMap<_, _> = theirs.get(subject).collect();
        let ours_of: BTreeMap<_, _> = ours.get(subject).collect();
        for (&frame, &our) in &ours_of {
            match theirs_of.get(&frame) {
                Some(&their) if their == our => {
                    score.both += 1;
                    let [here, there] = [ours, theirs].map(|said| said.times.get(&subject)?.get(&frame).copied());
                    if here != there {
                        score.times_differ += 1;
                        disagree(subject, frame, &format!("{here:?} ns"), &format!("{there:?} ns"));
                    }
                }
                other => {
                    score.only_ours += 1;
                    score.only_theirs += u64::from(other.is_some());
                    disagree(subject, frame, our, other.copied().unwrap_or("nothing"));
                }
            }
        }
        for (&frame, &their) in theirs_of.iter().filter(|(frame, _)| !ours_of.contains_key(frame)) {
            score.only_theirs += 1;
            disagree(subject, frame, "nothing", their);
        }
    }
}
