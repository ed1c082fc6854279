//! A capture filter as it was read: its words, and which of them stand for somebody.
//!
//! libpcap's grammar is followed as far as it takes to tell the operands of `host`, `net`, `src` and the like from
//! everything else; whether the rest makes sense is left to libpcap. A word that is no keyword, number or address, and
//! stands where libpcap's own resolver would take it, is always held for a name here, so that none gets to the resolver.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::error::FilterError;
use super::keywords::{Keyword, keyword};
use super::token::{Kind, Token, tokens};

/// Which addresses a protocol before the operand leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// IPv4 and IPv6.
    Any,
    /// IPv4: after `ip`, `arp`.
    V4,
    /// IPv6: after `ip6`.
    V6,
    /// MAC addresses: after `ether`.
    Ether,
}

/// What kind of operand is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// What `src` and `dst` alone take: a host, or with us also a network.
    HostOrNet,
    Host,
    Net,
    Service,
    Port,
    /// What is none of our business, such as a protocol's number.
    Other,
}

/// The qualifiers before an operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// As libpcap has them: `src host`.
    pub text: String,
    /// What is before the type in it: `udp and src`, for another primitive of the same direction.
    pub protocol: Option<String>,
    pub direction: Option<String>,
    pub wants: Wants,
    pub family: Family,
    /// Its tokens.
    pub tokens: Range<usize>,
}

/// Where an operand stands, by which libpcap's grammar allows more or less for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Right behind its qualifiers.
    Direct,
    /// First in the parentheses behind its qualifiers.
    First,
    /// Later in them.
    Listed,
    /// Without qualifiers: those of the operand before it hold.
    Inherited,
    /// Without qualifiers, and with none before it.
    Bare,
}

/// An operand: a name, an address or a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operand {
    /// Its tokens: more than one for a net with its prefix.
    pub tokens: Range<usize>,
    pub span: Range<usize>,
    /// The name, without quotes; the text of what is no name.
    pub text: String,
    /// It is to be looked up.
    pub is_name: bool,
    /// No `and` or `or` stands before it, though it has no qualifiers: it is a keyword that was mistyped.
    pub misplaced: bool,
    pub head: Head,
    pub standing: Standing,
}

/// Ports in parentheses: the token where their qualifiers begin, and the one that closes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PortList {
    pub head: Head,
    pub close: usize,
}

/// An expression whose names are known to be names, but not yet whose.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub text: String,
    pub tokens: Vec<Token>,
    pub operands: Vec<Operand>,
    /// The lists of ports in which all are alternatives.
    pub port_lists: Vec<PortList>,
}

impl Expression {
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let error = |what: &str, span| FilterError { what: what.to_owned(), expression: text.to_owned(), span };
        let tokens = tokens(text).map_err(|broken| error(broken.why, broken.span))?;
        let reader =
            Reader { text, tokens: &tokens, at: 0, last: None, list: None, operands: Vec::new(), ports: Vec::new() };
        let (operands, port_lists) = reader.read().map_err(|(what, span)| error(what, span))?;
        Ok(Self { text: text.to_owned(), tokens, operands, port_lists })
    }
}

/// A list that is being read.
struct List {
    head: Head,
    depth: u32,
    alternatives: bool,
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    /// The qualifiers that an operand without any has.
    last: Option<Head>,
    list: Option<List>,
    operands: Vec<Operand>,
    ports: Vec<PortList>,
}

type Wrong = (&'static str, Range<usize>);

impl<'a> Reader<'a> {
    fn read(mut self) -> Result<(Vec<Operand>, Vec<PortList>), Wrong> {
        while let Some(kind) = self.kind(0) {
            match kind {
                Kind::Open => self.opened(),
                Kind::Close => self.closed(),
                Kind::And | Kind::Not => self.not_alternative(),
                Kind::Quoted => self.operand(None),
                Kind::Word => self.word()?,
                Kind::Or | Kind::Bracketed | Kind::Symbol => self.at += 1,
            }
        }
        Ok((self.operands, self.ports))
    }

    fn kind(&self, ahead: usize) -> Option<Kind> {
        self.tokens.get(self.at + ahead).map(|token| token.kind)
    }

    fn span(&self, token: usize) -> Range<usize> {
        self.tokens.get(token).map_or(0..0, |token| token.span.clone())
    }

    fn word_at(&self, token: usize) -> &'a str {
        self.text.get(self.span(token)).unwrap_or_default()
    }

    fn opened(&mut self) {
        self.at += 1;
        if let Some(list) = &mut self.list {
            list.depth += 1;
        }
    }

    fn closed(&mut self) {
        if let Some(list) = &mut self.list {
            list.depth = list.depth.saturating_sub(1);
            if list.depth == 0
                && let Some(List { head, alternatives, .. }) = self.list.take()
            {
                if head.wants == Wants::Port && alternatives {
                    self.ports.push(PortList { head: head.clone(), close: self.at });
                }
                self.last = Some(head);
            }
        }
        self.at += 1;
    }

    fn not_alternative(&mut self) {
        self.at += 1;
        if let Some(list) = &mut self.list {
            list.alternatives = false;
        }
    }

    fn word(&mut self) -> Result<(), Wrong> {
        match keyword(self.word_at(self.at)) {
            Some(Keyword::Gateway) => Err((
                "gateway is not for here, since it asks the resolver: write ether host MAC and not host ADDRESS",
                self.span(self.at),
            )),
            Some(Keyword::TakesWord) => {
                self.last = None;
                self.at += 1;
                if self.kind(0) == Some(Kind::Word) && keyword(self.word_at(self.at)).is_none() {
                    self.at += 1;
                }
                Ok(())
            }
            Some(Keyword::Alone) => {
                self.last = None;
                self.at += 1;
                Ok(())
            }
            Some(_) => {
                self.qualified();
                Ok(())
            }
            None => {
                self.operand(None);
                Ok(())
            }
        }
    }

    /// Qualifiers, and what they qualify.
    fn qualified(&mut self) {
        let head = self.head();
        let is_term = head.direction.is_none() && head.wants == Wants::HostOrNet;
        if is_term {
            // A protocol alone; or a comparison, which begins with one.
            self.last = None;
            return;
        }
        match self.kind(0) {
            Some(Kind::Open) => {
                self.list = Some(List { head, depth: 1, alternatives: true });
                self.at += 1;
            }
            // Whatever it is: behind `src` or `host` libpcap has no keyword, and would ask its resolver for a word that
            // it does not know as one.
            Some(Kind::Word | Kind::Quoted) => self.operand(Some(head)),
            _ => self.last = Some(head),
        }
    }

    fn head(&mut self) -> Head {
        let begin = self.at;
        let (mut protocol, mut direction, mut family) = (None, None, Family::Any);
        let (mut wants, mut kind) = (Wants::HostOrNet, None);
        if let Some(Keyword::Protocol(of)) = self.keyword(0) {
            (protocol, family) = (Some(self.word_at(self.at).to_owned()), of);
            self.at += 1;
        }
        if let Some(Keyword::Direction(of)) = self.keyword(0) {
            let length = if self.is_both_directions() { 3 } else { 1 };
            let words: Vec<_> = (self.at..self.at + length).map(|token| self.word_at(token)).collect();
            direction = Some(words.join(" "));
            family = if of == Family::Any { family } else { of };
            self.at += length;
        }
        if let Some((wanted, word)) = self.keyword(0).and_then(|keyword| Self::kind_of(keyword, self.word_at(self.at)))
        {
            (wants, kind) = (wanted, Some(word.to_owned()));
            self.at += 1;
        }
        let parts = [&protocol, &direction, &kind];
        let text = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
        Head { text, protocol, direction, wants, family, tokens: begin..self.at }
    }

    fn kind_of(keyword: Keyword, word: &str) -> Option<(Wants, &str)> {
        Some(match keyword {
            Keyword::Host => (Wants::Host, "host"),
            Keyword::Net => (Wants::Net, "net"),
            Keyword::Service => (Wants::Service, "host"),
            Keyword::Port => (Wants::Port, word),
            Keyword::TakesWord if matches!(word, "proto" | "protochain") => (Wants::Other, word),
            _ => return None,
        })
    }

    /// `src or dst`, `dst and src`.
    fn is_both_directions(&self) -> bool {
        let other = matches!(self.keyword(2), Some(Keyword::Direction(_)));
        matches!(self.kind(1), Some(Kind::And | Kind::Or))
            && other
            && self.word_at(self.at) != self.word_at(self.at + 2)
    }

    fn keyword(&self, ahead: usize) -> Option<Keyword> {
        (self.kind(ahead) == Some(Kind::Word)).then(|| keyword(self.word_at(self.at + ahead))).flatten()
    }

    /// The operand at hand.
    fn operand(&mut self, head: Option<Head>) {
        let (head, standing) = self.standing(head);
        let quoted = self.kind(0) == Some(Kind::Quoted);
        let begin = self.at;
        self.at += 1;
        let word = self.word_at(begin);
        let is_literal = !quoted && head.wants != Wants::Service && is_literal(word);
        if is_literal && self.is_prefix() {
            self.at += 2;
        }
        let span = self.span(begin).start..self.span(self.at - 1).end;
        let text = match quoted {
            true => word.trim_matches('"'),
            false if is_literal => self.text.get(span.clone()).unwrap_or_default(),
            false => word.strip_prefix('\\').unwrap_or(word),
        };
        let is_host = matches!(head.wants, Wants::HostOrNet | Wants::Host | Wants::Net | Wants::Service);
        let is_name = quoted || !is_literal && is_host;
        self.last = Some(head.clone());
        // The mask belongs to the operand: nothing can be put in its place.
        let masked = self.kind(0) == Some(Kind::Word) && self.word_at(self.at) == "mask";
        let joined = begin
            .checked_sub(1)
            .and_then(|before| self.tokens.get(before))
            .is_none_or(|before| matches!(before.kind, Kind::And | Kind::Or | Kind::Not | Kind::Open));
        let misplaced = !joined && matches!(standing, Standing::Inherited | Standing::Bare);
        let text = text.to_owned();
        if masked && !is_name {
            self.at += 2;
        } else if is_name || !self.is_compared(begin) {
            self.operands.push(Operand { tokens: begin..self.at, span, text, is_name, misplaced, head, standing });
        }
    }

    /// The qualifiers that hold for the operand at hand, and how it stands to them.
    fn standing(&self, head: Option<Head>) -> (Head, Standing) {
        if let Some(head) = head {
            return (head, Standing::Direct);
        }
        if let Some(list) = &self.list {
            // Everything between the qualifiers and the operand is parentheses.
            let first = (list.head.tokens.end..self.at)
                .all(|token| self.tokens.get(token).is_some_and(|t| t.kind == Kind::Open));
            return (list.head.clone(), if first { Standing::First } else { Standing::Listed });
        }
        match &self.last {
            Some(head) => (head.clone(), Standing::Inherited),
            None => {
                let head = Head {
                    text: String::new(),
                    protocol: None,
                    direction: None,
                    wants: Wants::HostOrNet,
                    family: Family::Any,
                    tokens: self.at..self.at,
                };
                (head, Standing::Bare)
            }
        }
    }

    /// Whether `/` and a number follow: the prefix of a net.
    fn is_prefix(&self) -> bool {
        self.kind(0) == Some(Kind::Symbol)
            && self.word_at(self.at) == "/"
            && self.word_at(self.at + 1).bytes().all(|byte| byte.is_ascii_digit())
            && self.kind(1) == Some(Kind::Word)
    }

    /// Whether a number stands beside an operator: then it is neither a host nor a port.
    fn is_compared(&self, begin: usize) -> bool {
        let operator = |kind: Option<Kind>| matches!(kind, Some(Kind::Symbol | Kind::Bracketed));
        operator(self.kind(0)) || begin.checked_sub(1).is_some_and(|at| operator(self.tokens.get(at).map(|t| t.kind)))
    }
}

/// Whether libpcap reads the word as a number or an address rather than as a name: partial IPv4 addresses too, and MAC
/// addresses in all their forms but that of twelve digits, which is also what docker ps shows of an id. No more than what
/// its `scanner.l` has for them: of `d:0` it would take the `d` for a host, and ask its resolver.
pub(super) fn is_literal(word: &str) -> bool {
    let hexadecimal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let decimal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).is_some_and(hexadecimal);
    let dotted = word.split('.').count() <= 4 && word.split('.').all(decimal);
    let v6 = word.parse::<Ipv6Addr>().is_ok();
    let groups = |by: char, count: usize, digits: usize| {
        word.split(by).count() == count && word.split(by).all(|part| hexadecimal(part) && part.len() <= digits)
    };
    let mac = groups(':', 6, 2) || groups('-', 6, 2) || groups('.', 3, 4) && word.len() == 14;
    let arcnet = word.strip_prefix('$').is_some_and(|digits| hexadecimal(digits) && digits.len() <= 2);
    number || dotted || v6 || mac || arcnet
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of an expression, each with its qualifiers.
    fn names(text: &str) -> Vec<String> {
        let expression = Expression::parse(text).unwrap();
        let names = expression.operands.into_iter().filter(|operand| operand.is_name);
        names.map(|operand| format!("{}:{}", operand.head.text, operand.text)).collect()
    }

    #[test]
    fn names_are_where_hosts_and_nets_are() {
        for (text, expected) in [
            ("host container_a and port 80", &["host:container_a"][..]),
            ("src a-b or dst host c.d", &["src:a-b", "dst host:c.d"]),
            ("src or dst host web", &["src or dst host:web"]),
            ("not net my_bridge and ether src host web", &["net:my_bridge", "ether src host:web"]),
            ("src host a or b and not c", &["src host:a", "src host:b", "src host:c"]),
            ("dst (a or (b or 10.0.0.1))", &["dst:a", "dst:b"]),
            ("container_a", &[":container_a"]),
            ("service web || host \"tcp\"", &["host:web", "host:tcp"]),
            ("host \\port", &["host:port"]),
            ("host tcp and src host host", &["host:tcp", "src host:host"]),
            ("host redis-server.private-net-1", &["host:redis-server.private-net-1"]),
            ("host f2ba4cfae563", &["host:f2ba4cfae563"]),
            ("tcp or web", &[":web"]),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_libpcaps_is_left_to_it() {
        for text in [
            "port http or https",
            "tcp dst port (http or 443)",
            "ip proto \\icmp",
            "ether proto \\arp and ifname eth0",
            "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 and len > 100",
            "host 10.0.0.1 or 10.0.0.2 and net 10.1",
            "net 10.0.0.0 mask 255.0.0.0",
            "net 10.0.0.0/8 or fd00::/64",
            "ether host 02:42:ac:12:00:02 or 02-42-ac-12-00-02 or 0242.ac12.0002",
            "vlan 5 and ip6 protochain 6",
            "ip broadcast or ether multicast",
            "icmp[icmptype] == icmp-echo or icmp6",
            "portrange 1-1024",
        ] {
            assert_eq!(names(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn the_resolver_is_never_asked() {
        let error = Expression::parse("tcp and gateway snup").unwrap_err();
        assert_eq!(error.span, 8..15);
        // Behind a protocol, a number or a comparison, a word can only be meant as a host.
        for text in ["tcp snup", "tcp or snup", "len > 5 or snup", "(tcp) and snup", "broadcast or snup", "host (snup)"]
        {
            assert_eq!(names(text).len(), 1, "{text}");
        }
        // What looks like an address, and is none to libpcap.
        for text in ["d:0", "a:b:c", "1:2:3:4:5:6:7", "$abc", "::1.", "fe80:::1", "2:0:0:0:0:0:", "a.b.c", "0xg"] {
            assert_eq!(names(&format!("host {text}")), [format!("host:{text}")]);
            assert_eq!(names(&format!("host 10.0.0.1 or {text}")), [format!("host:{text}")]);
        }
        for text in ["::", "FE80::1", "1:2:3:4:5:6:7:8", "::ffff:10.0.0.1", "2:0:0:0:0:a", "$a", "0x7f", "10.1"] {
            assert_eq!(names(&format!("host {text}")), [""; 0], "{text}");
        }
    }
}
