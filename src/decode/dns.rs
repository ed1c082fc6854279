//! DNS messages (RFC 1035) as lenses over their bytes: nothing is read before it is asked for.
//!
//! simple-dns and hickory-proto were considered; the first allocates for each message and the second owns everything,
//! and neither reads on where a message is cut.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The port of DNS.
pub const PORT: u16 = 53;
/// The port of multicast DNS (RFC 6762).
pub const MDNS_PORT: u16 = 5353;
/// The port of LLMNR (RFC 4795).
pub const LLMNR_PORT: u16 = 5355;
/// The address of Docker's name service inside every container of a user-defined network (moby
/// `libnetwork/resolver.go`). Its rules rewrite the port of each question to a random one and back in the answer, so
/// whatever goes there or comes from there is DNS.
pub const DOCKER_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

pub(super) const HEADER_LEN: usize = 12;
/// The longest name on the wire (RFC 1035, 2.3.4).
const MAX_NAME_LEN: usize = 255;

/// Record type numbers, <https://www.iana.org/assignments/dns-parameters>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);

    const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "A",
            2 => "NS",
            5 => "CNAME",
            6 => "SOA",
            10 => "NULL",
            12 => "PTR",
            13 => "HINFO",
            15 => "MX",
            16 => "TXT",
            24 => "SIG",
            25 => "KEY",
            28 => "AAAA",
            29 => "LOC",
            33 => "SRV",
            35 => "NAPTR",
            39 => "DNAME",
            41 => "OPT",
            43 => "DS",
            44 => "SSHFP",
            46 => "RRSIG",
            47 => "NSEC",
            48 => "DNSKEY",
            50 => "NSEC3",
            51 => "NSEC3PARAM",
            52 => "TLSA",
            64 => "SVCB",
            65 => "HTTPS",
            249 => "TKEY",
            250 => "TSIG",
            251 => "IXFR",
            252 => "AXFR",
            255 => "ANY",
            257 => "CAA",
            _ => return None,
        })
    }
}

impl RecordType {
    /// Writes what `Display` does, without its machinery where `out` is a String.
    pub fn write_text(self, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        match self.name() {
            Some(name) => out.write_str(name),
            None => write!(out, "TYPE{}", self.0),
        }
    }
}

impl fmt::Display for RecordType {
    /// The mnemonic, or `TYPE64000` (RFC 3597, 5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_text(f)
    }
}

/// A response code with the bits that EDNS adds (RFC 6891, 6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Self = Self(0);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
}

impl fmt::Display for Rcode {
    /// The mnemonic, or `RCODE12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            7 => "YXRRSET",
            8 => "NXRRSET",
            9 => "NOTAUTH",
            10 => "NOTZONE",
            16 => "BADVERS",
            23 => "BADCOOKIE",
            other => return write!(f, "RCODE{other}"),
        })
    }
}

/// A DNS message. Its header is there; everything after it is read when asked for, as far as it goes.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    header: [u8; HEADER_LEN],
}

impl<'a> Message<'a> {
    /// A message, without the length that goes before it over TCP. `None` where the bytes are too few for a header or
    /// cannot be DNS: more than one question is asked by nobody, but in mDNS.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let message = Self { bytes, header: *bytes.first_chunk()? };
        // Opcodes over 6 are not assigned; the check keeps other protocols on these ports from being read as DNS.
        (message.opcode() <= 6).then_some(message)
    }

    fn field(&self, at: usize) -> u16 {
        match self.header.get(at..at + 2) {
            Some(&[a, b]) => u16::from_be_bytes([a, b]),
            _ => 0,
        }
    }

    /// All bytes of the message.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
    /// The id that pairs question and answer.
    pub fn id(&self) -> u16 {
        self.field(0)
    }
    /// Whether it is a response.
    pub const fn is_response(&self) -> bool {
        self.header[2] & 0x80 != 0
    }
    /// What is asked for: 0 is a query, 5 an update.
    pub const fn opcode(&self) -> u8 {
        self.header[2] >> 3 & 0x0f
    }
    /// Whether the answer was cut and should be asked for over TCP.
    pub const fn is_truncated(&self) -> bool {
        self.header[2] & 0x02 != 0
    }
    /// Whether the server is an authority for the name.
    pub const fn is_authoritative(&self) -> bool {
        self.header[2] & 0x04 != 0
    }
    /// The number of questions that the header claims.
    pub fn question_count(&self) -> u16 {
        self.field(4)
    }
    /// The number of answers that the header claims.
    pub fn answer_count(&self) -> u16 {
        self.field(6)
    }

    /// The response code, with the bits of an OPT record where there is one.
    pub fn rcode(&self) -> Rcode {
        let low = u16::from(self.header[3] & 0x0f);
        let high = self.edns().map_or(0, |record| (record.ttl >> 24) as u16);
        Rcode(high << 4 | low)
    }

    /// The questions.
    pub fn questions(&self) -> Questions<'a> {
        Questions { message: self.bytes, at: HEADER_LEN, left: self.question_count() }
    }

    /// The first question.
    pub fn question(&self) -> Option<Question<'a>> {
        self.questions().next()
    }

    /// The first question where it is as all are that are asked by programs: its name as it stands there, not compressed,
    /// with the root behind it. What it says is what [`Message::question`] says.
    #[inline]
    pub(super) fn plain_question(&self) -> Option<(&'a [u8], RecordType)> {
        let rest = self.bytes.get(HEADER_LEN..).filter(|_| self.question_count() > 0)?;
        let mut at = 0;
        loop {
            match *rest.get(at)? {
                0 => break,
                length @ 1..=63 => at += 1 + usize::from(length),
                _ => return None,
            }
            if at >= MAX_NAME_LEN {
                return None;
            }
        }
        let (name, behind) = rest.split_at_checked(at + 1)?;
        let [high, low, _, _] = *behind.first_chunk()?;
        Some((name, RecordType(u16::from_be_bytes([high, low]))))
    }

    /// Appends the name of the first question, as [`Name::write_wire`] does. What is asked of it.
    pub fn write_question(&self, out: &mut Vec<u8>) -> Option<RecordType> {
        let start = out.len();
        let Some((name, kind)) = self.plain_question() else {
            let question = self.question()?;
            question.name.write_wire(out);
            return Some(question.kind);
        };
        out.extend_from_slice(name);
        // The lengths of labels are below all letters.
        out.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
        Some(kind)
    }

    /// The records of the answer section.
    pub fn answers(&self) -> Records<'a> {
        self.records(self.answer_count())
    }

    /// The OPT record of EDNS (RFC 6891), the first of the additional section.
    pub fn edns(&self) -> Option<Record<'a>> {
        let before = u32::from(self.answer_count()) + u32::from(self.field(8));
        let all = before + u32::from(self.field(10));
        if all == before {
            return None;
        }
        self.records(u16::try_from(all).unwrap_or(u16::MAX)).skip(before as usize).find(|record| record.kind.0 == 41)
    }

    /// Whether the bytes are a lookup or its answer and nothing else: what is asked of a datagram whose ports do not say
    /// that it is one. One question for a type and class that there are, a name that prints, records that end where the
    /// bytes do.
    pub fn is_exact(&self) -> bool {
        // The bit between RA and AD is 0 (RFC 6895, 2).
        if self.question_count() != 1 || self.opcode() != 0 || self.header[3] & 0x40 != 0 {
            return false;
        }
        let is_empty = self.answer_count() == 0 && self.field(8) == 0 && matches!(self.header[3] & 0x0f, 0);
        let counts = [self.answer_count(), self.field(8), self.field(10)];
        let Some(count) = counts.into_iter().try_fold(0_u16, u16::checked_add) else { return false };
        if !self.is_response() && !is_empty || !self.question().is_some_and(|question| question.is_usual()) {
            return false;
        }
        let mut records = self.records(count);
        while records.next().is_some() {}
        records.left == 0 && records.at == self.bytes.len()
    }

    fn records(&self, count: u16) -> Records<'a> {
        let mut questions = self.questions();
        while questions.next().is_some() {}
        let left = if questions.left == 0 { count } else { 0 };
        Records { message: self.bytes, at: questions.at, left }
    }
}

/// The questions of a message; ends at the first that is malformed.
#[derive(Clone, Debug)]
pub struct Questions<'a> {
    message: &'a [u8],
    at: usize,
    left: u16,
}

impl<'a> Iterator for Questions<'a> {
    type Item = Question<'a>;
    fn next(&mut self) -> Option<Question<'a>> {
        if self.left == 0 {
            return None;
        }
        let name = Name { message: self.message, at: self.at };
        let after = name.end()?;
        let &[a, b, c, d] = self.message.get(after..)?.first_chunk::<4>()?;
        self.at = after + 4;
        self.left -= 1;
        // The top bit of the class is mDNS's "answer by unicast" (RFC 6762, 5.4).
        let class = u16::from_be_bytes([c, d]);
        Some(Question { name, kind: RecordType(u16::from_be_bytes([a, b])), class })
    }
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name that is asked about.
    pub name: Name<'a>,
    /// The type of record that is wanted.
    pub kind: RecordType,
    /// The class; 1 is the Internet.
    pub class: u16,
}

impl Question<'_> {
    /// Whether the type is known, the class one of those in use (RFC 6895, 3.2), and the name of characters that print.
    fn is_usual(&self) -> bool {
        let prints = |label: &[u8]| label.iter().all(u8::is_ascii_graphic);
        self.kind.name().is_some() && matches!(self.class, 1 | 3 | 255) && self.name.labels().all(prints)
    }
}

/// Records of a message; ends at the first that is malformed.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    message: &'a [u8],
    at: usize,
    left: u16,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;
    fn next(&mut self) -> Option<Record<'a>> {
        if self.left == 0 {
            return None;
        }
        let name = Name { message: self.message, at: self.at };
        let after = name.end()?;
        let fixed = self.message.get(after..)?.first_chunk::<10>()?;
        let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        let data = after + 10;
        self.message.get(data..data + length)?;
        self.at = data + length;
        self.left -= 1;
        Some(Record {
            name,
            kind: RecordType(u16::from_be_bytes([fixed[0], fixed[1]])),
            ttl: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            message: self.message,
            data: (data, data + length),
        })
    }
}

/// A resource record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Whose record it is.
    pub name: Name<'a>,
    /// Its type.
    pub kind: RecordType,
    /// For how many seconds it may be kept.
    pub ttl: u32,
    message: &'a [u8],
    data: (usize, usize),
}

impl<'a> Record<'a> {
    /// The data as it stands in the message.
    pub fn data(&self) -> &'a [u8] {
        self.message.get(self.data.0..self.data.1).unwrap_or_default()
    }

    /// The address of an A or AAAA record.
    pub fn address(&self) -> Option<IpAddr> {
        match self.kind {
            RecordType::A => Some(Ipv4Addr::from(<[u8; 4]>::try_from(self.data()).ok()?).into()),
            RecordType::AAAA => Some(Ipv6Addr::from(<[u8; 16]>::try_from(self.data()).ok()?).into()),
            _ => None,
        }
    }

    fn name_at(&self, offset: usize) -> Name<'a> {
        Name { message: self.message, at: self.data.0 + offset }
    }

    fn number_at(&self, offset: usize) -> u16 {
        let bytes = self.data().get(offset..).and_then(|rest| rest.first_chunk::<2>());
        bytes.copied().map_or(0, u16::from_be_bytes)
    }
}

impl fmt::Display for Record<'_> {
    /// The data in presentation format, for the types that people read; `\# 12` bytes otherwise (RFC 3597, 5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.address() {
            return write!(f, "{address}");
        }
        match self.kind.0 {
            2 | 5 | 12 | 39 => write!(f, "{}", self.name_at(0)),
            15 => write!(f, "{} {}", self.number_at(0), self.name_at(2)),
            33 => {
                let (priority, weight, port) = (self.number_at(0), self.number_at(2), self.number_at(4));
                write!(f, "{priority} {weight} {port} {}", self.name_at(6))
            }
            6 => write!(f, "{}", self.name_at(0)),
            16 | 13 => strings(f, self.data()),
            64 | 65 => write!(f, "{} {}", self.number_at(0), self.name_at(2)),
            257 => caa(f, self.data()),
            _ => write!(f, "\\# {}", self.data().len()),
        }
    }
}

/// Character strings (RFC 1035, 3.3), each in quotes.
fn strings(f: &mut fmt::Formatter<'_>, mut data: &[u8]) -> fmt::Result {
    let mut first = true;
    while let Some((&length, rest)) = data.split_first() {
        let (text, after) = rest.split_at(usize::from(length).min(rest.len()));
        if !first {
            f.write_str(" ")?;
        }
        quoted(f, text)?;
        (first, data) = (false, after);
    }
    Ok(())
}

/// Certification authority authorization (RFC 8659, 4.1).
fn caa(f: &mut fmt::Formatter<'_>, data: &[u8]) -> fmt::Result {
    let [flags, length, rest @ ..] = data else { return write!(f, "\\# {}", data.len()) };
    let (tag, value) = rest.split_at(usize::from(*length).min(rest.len()));
    write!(f, "{flags} ")?;
    tag.iter().try_for_each(|&byte| presentation(f, byte))?;
    f.write_str(" ")?;
    quoted(f, value)
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    f.write_str("\"")?;
    text.iter().try_for_each(|&byte| presentation(f, byte))?;
    f.write_str("\"")
}

/// A byte of a label or string in presentation format (RFC 4343, 2.1): what does not print is `\DDD`.
fn presentation(f: &mut (impl fmt::Write + ?Sized), byte: u8) -> fmt::Result {
    match byte {
        b'"' | b'\\' => write!(f, "\\{}", char::from(byte)),
        0x20..=0x7e => f.write_char(char::from(byte)),
        _ => write!(f, "\\{byte:03}"),
    }
}

/// A label in presentation format.
fn label(f: &mut (impl fmt::Write + ?Sized), label: &[u8]) -> fmt::Result {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'.' | b'"' | b'\\');
    if label.iter().all(is_plain) {
        return f.write_str(std::str::from_utf8(label).unwrap_or_default());
    }
    for &byte in label {
        match byte {
            b'.' => f.write_str("\\.")?,
            // A space would end the column.
            b' ' => f.write_str("\\032")?,
            _ => presentation(f, byte)?,
        }
    }
    Ok(())
}

/// A domain name somewhere in a message, perhaps compressed (RFC 1035, 4.1.4).
#[derive(Clone, Copy)]
pub struct Name<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Name<'a> {
    /// A name that stands alone, uncompressed, as [`Name::write_wire`] leaves it.
    pub const fn standalone(bytes: &'a [u8]) -> Self {
        Self { message: bytes, at: 0 }
    }

    /// Where the name ends in the message, after its pointer if it has one; `None` where it is malformed.
    fn end(&self) -> Option<usize> {
        let mut at = self.at;
        loop {
            match self.message.get(at)? {
                0 => return Some(at + 1),
                length @ 1..=63 => at += 1 + usize::from(*length),
                0xc0..=0xff => return self.message.get(at + 1).map(|_| at + 2),
                _ => return None,
            }
            if at - self.at > MAX_NAME_LEN {
                return None;
            }
        }
    }

    /// The labels from the left; ends where the name does or is malformed.
    pub fn labels(&self) -> Labels<'a> {
        Labels { message: self.message, at: self.at, limit: self.at, length: 0 }
    }

    /// Appends the name uncompressed and in lower case, so that two spellings of one name are the same bytes.
    pub fn write_wire(&self, out: &mut Vec<u8>) {
        for label in self.labels() {
            out.push(label.len() as u8);
            let start = out.len();
            out.extend_from_slice(label);
            out.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
        }
        out.push(0);
    }

    /// Whether it is the root, or nothing readable.
    pub fn is_root(&self) -> bool {
        self.labels().next().is_none()
    }
}

impl PartialEq for Name<'_> {
    /// Names are compared without case (RFC 4343).
    fn eq(&self, other: &Self) -> bool {
        let (mut ours, mut theirs) = (self.labels(), other.labels());
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => {}
                _ => return false,
            }
        }
    }
}

impl Name<'_> {
    /// Writes what `Display` does, without its machinery where `out` is a String.
    pub fn write_text(&self, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        let mut any = false;
        for label in self.labels() {
            if any {
                out.write_char('.')?;
            }
            self::label(out, label)?;
            any = true;
        }
        if any { Ok(()) } else { out.write_char('.') }
    }
}

impl fmt::Display for Name<'_> {
    /// Presentation format without the final dot; the root is `.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_text(f)
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The labels of a name.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    message: &'a [u8],
    at: usize,
    /// A pointer may only lead before the name or pointer that it follows, so no loop is possible.
    limit: usize,
    length: usize,
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let length = *self.message.get(self.at)?;
            match length {
                0 => return None,
                1..=63 => {
                    self.length += 1 + usize::from(length);
                    if self.length >= MAX_NAME_LEN {
                        return None;
                    }
                    let start = self.at + 1;
                    self.at = start + usize::from(length);
                    return self.message.get(start..self.at);
                }
                0xc0..=0xff => {
                    let low = *self.message.get(self.at + 1)?;
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    if target >= self.limit {
                        return None;
                    }
                    (self.at, self.limit) = (target, target);
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer to `A db`: a CNAME by pointer, then an address.
    static ANSWER: &[u8] = &[
        0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, // header
        2, b'd', b'b', 0, 0, 1, 0, 1, // question, at 12
        0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 8, 5, b'r', b'e', b'd', b'i', b's', 0xc0, 12, // redis.db
        0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 172, 18, 0, 2,
    ];

    #[test]
    fn reads_questions_and_compressed_answers() {
        let message = Message::new(ANSWER).unwrap();
        assert_eq!((message.id(), message.is_response(), message.rcode()), (0x1234, true, Rcode::NOERROR));
        let question = message.question().unwrap();
        assert_eq!((question.name.to_string(), question.kind), ("db".to_owned(), RecordType::A));
        let answers: Vec<_> = message.answers().map(|record| format!("{} {record}", record.kind)).collect();
        assert_eq!(answers, ["CNAME redis.db", "A 172.18.0.2"]);
    }

    #[test]
    fn only_a_whole_message_is_exact() {
        let is_exact = |bytes: &[u8]| Message::new(bytes).is_some_and(|message| message.is_exact());
        assert!(is_exact(ANSWER));
        for length in 0..ANSWER.len() {
            assert!(!is_exact(&ANSWER[..length]), "{length}");
        }
        assert!(!is_exact(&[ANSWER, &[0]].concat()), "a byte too many");
        for (at, byte, why) in [
            (3, 0xc0, "a bit that is 0"),
            (5, 2, "two questions"),
            (13, 7, "a name that does not print"),
            (17, 99, "a type that nobody has"),
            (19, 9, "a class that nobody has"),
            (2, 0x01, "a question with answers"),
            (2, 0x91, "another operation"),
        ] {
            let mut bytes = ANSWER.to_vec();
            bytes[at] = byte;
            assert!(!is_exact(&bytes), "{why}");
        }
    }

    #[test]
    fn every_cut_and_every_flip_ends() {
        for length in 0..ANSWER.len() {
            if let Some(message) = Message::new(&ANSWER[..length]) {
                assert!(message.answers().count() < 2);
            }
        }
        let mut bytes = ANSWER.to_vec();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Some(message) = Message::new(&bytes) {
                message.questions().for_each(|question| drop(question.name.to_string()));
                message.answers().for_each(|record| drop(format!("{} {record}", record.name)));
                let _ = message.edns();
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_pointer_to_itself_ends() {
        let bytes = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1];
        let question = Message::new(&bytes).unwrap().question().unwrap();
        assert_eq!(question.name.to_string(), ".");
    }

    #[test]
    fn what_does_not_print_is_escaped() {
        let bytes = [5, 0x1b, b'[', b'2', b'J', b'.', 0];
        assert_eq!(Name::standalone(&bytes).to_string(), "\\027[2J\\.");
    }

    #[test]
    fn names_are_compared_without_case() {
        let (lower, upper) = ([2, b'd', b'b', 0], [2, b'D', b'B', 0]);
        assert_eq!(Name::standalone(&lower), Name::standalone(&upper));
        let mut wire = Vec::new();
        Name::standalone(&upper).write_wire(&mut wire);
        assert_eq!(wire, lower);
    }

    #[test]
    fn edns_adds_to_the_response_code() {
        let mut bytes = vec![0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        bytes.extend([0, 0, 41, 4, 0xd0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(Message::new(&bytes).unwrap().rcode().to_string(), "BADVERS");
    }
}
