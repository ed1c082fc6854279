//! Capture filters: pcap-filter(7) with names, which are replaced by the addresses that they stand for at the moment.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use super::blame;
use super::error::FilterError;
use super::expression::{Expression, Family, Head, Operand, Standing, Wants};
use super::keywords::COMMON;
use super::people::{self, Found, MAX_ADDRESSES, Nobody};
use super::token::is_word;
use crate::address::MacAddr;
use crate::capture::{LinkType, Program, bpf};
use crate::decode::dns;
use crate::docker::directory::masked;
use crate::docker::lookup::nearest;
use crate::docker::{Container, Directory};
use crate::name::NamesOfAddresses;

/// What nobody has: an IPv4 address of class E (RFC 1112, 4), an IPv6 address of the discard prefix (RFC 6666), a group
/// that is no group. They stand for a container that is gone.
const NO_V4: &str = "240.0.0.0";
const NO_V6: &str = "100::";
const NO_MAC: &str = "ff:ff:ff:ff:ff:fe";

/// Link types on which an expression may make sense; what compiles for none of them makes none.
const LINKS: [LinkType; 4] = [LinkType::ETHERNET, LinkType::LINUX_SLL2, LinkType::RAW, LinkType(127)];

/// A capture filter whose names follow the Directory.
#[derive(Clone, Debug)]
pub struct CaptureFilter {
    expression: Arc<Expression>,
    /// For each operand, who it is; `None` where it is no name, or nobody was ever called so.
    found: Vec<Option<Found>>,
}

impl CaptureFilter {
    /// Reads an expression; who its names are is not known yet.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let expression = Expression::parse(text)?;
        let found = vec![None; expression.operands.len()];
        Ok(Self { expression: Arc::new(expression), found })
    }

    /// Looks the names up. One that is not there is an error, with the nearest name; `why_no_names` is added where the
    /// Directory could not be had.
    pub fn resolve(&mut self, directory: &Directory, why_no_names: Option<&str>) -> Result<(), FilterError> {
        self.resolve_among(Known { directory, addresses: None }, why_no_names)
    }

    /// The same with names of single addresses.
    pub(super) fn resolve_among(&mut self, known: Known<'_>, why_no_names: Option<&str>) -> Result<(), FilterError> {
        for (operand, found) in self.expression.operands.iter().zip(&mut self.found).filter(|(at, _)| at.is_name) {
            let wrong = |nobody| {
                let nobody = with_nearest(nobody, known, &operand.text);
                self.expression.error(words(operand, nobody, why_no_names), operand.span.clone())
            };
            *found = Some(look_up(operand, known).map_err(wrong)?);
        }
        Ok(())
    }

    /// Looks the names up again after a change. Who is gone keeps its addresses until somebody else has them: its last
    /// packets are still to come. Whether it makes a difference.
    pub fn follow(&mut self, directory: &Directory) -> bool {
        self.follow_among(Known { directory, addresses: None })
    }

    /// The same with names of single addresses.
    pub(super) fn follow_among(&mut self, known: Known<'_>) -> bool {
        let mut changed = false;
        for (operand, found) in self.expression.operands.iter().zip(&mut self.found).filter(|(at, _)| at.is_name) {
            let gone = || found.as_ref().map(|before| before.without_those_of_others(known.directory));
            let now = look_up(operand, known).ok().or_else(gone);
            changed |= *found != now;
            *found = now;
        }
        changed
    }

    /// The names that nobody was ever called by, as errors.
    pub(super) fn unknown(&self, known: Known<'_>, why_no_names: Option<&str>) -> Option<FilterError> {
        let names = self.expression.operands.iter().zip(&self.found);
        let operand = names.into_iter().find(|(operand, found)| operand.is_name && found.is_none())?.0;
        let nobody = with_nearest(look_up(operand, known).err()?, known, &operand.text);
        Some(self.expression.error(words(operand, nobody, why_no_names), operand.span.clone()))
    }

    /// Whether libpcap understands it, on whatever link type; the error points at the word where it does not.
    pub fn check(&self) -> Result<(), FilterError> {
        let text = self.text(None);
        let mut checked = LINKS.map(|link| bpf::check(&text, link));
        if checked.iter().any(Result::is_ok) {
            let nothing = Program::compile(&text, LinkType::ETHERNET).is_ok_and(|program| program.is_empty());
            let whole = 0..self.expression.text.trim_end().len();
            let what = "no packet can be all of this at once".to_owned();
            return if nothing { Err(self.expression.error(what, whole)) } else { Ok(()) };
        }
        let why = std::mem::replace(&mut checked[0], Ok(())).err().unwrap_or_default();
        let chunks = self.chunks(None);
        let (what, token) =
            blame::find(&chunks, &why, |prefix| LINKS.iter().any(|&link| bpf::check(prefix, link).is_ok()));
        let end = self.expression.text.trim_end().len();
        let span =
            token.and_then(|token| self.expression.tokens.get(token)).map_or(end..end, |token| token.span.clone());
        Err(self.expression.error(what, span))
    }

    /// The expression with addresses for names, as libpcap takes it.
    ///
    /// For a tap inside the namespace of a container, `owner` is that container. There its own loopback address stands
    /// for all its others, and Docker's name service is port 53 whatever port is in the packet: that is what the log
    /// makes of them too.
    pub fn text(&self, owner: Option<&Container>) -> String {
        let expression = &*self.expression;
        let (mut text, mut at) = (String::with_capacity(expression.text.len()), 0);
        for (chunk, token) in self.chunks(owner).iter().zip(&expression.tokens) {
            text.push_str(expression.text.get(at..token.span.start).unwrap_or_default());
            // A name in quotes may stand right beside another word, which an address may not.
            if text.ends_with(is_word) && chunk.starts_with(is_word) {
                text.push(' ');
            }
            text.push_str(chunk);
            at = token.span.end;
        }
        text + expression.text.get(at..).unwrap_or_default()
    }

    /// What each token becomes.
    fn chunks(&self, owner: Option<&Container>) -> Vec<String> {
        let expression = &*self.expression;
        let own = |token: &super::token::Token| expression.text.get(token.span.clone()).unwrap_or_default().to_owned();
        let libpcaps = |word: String| if word == "service" { "host".to_owned() } else { word };
        let mut chunks: Vec<_> = expression.tokens.iter().map(own).map(libpcaps).collect();
        let mut put = |tokens: Range<usize>, text: String| {
            for chunk in chunks.get_mut(tokens.clone()).unwrap_or_default() {
                chunk.clear();
            }
            if let Some(chunk) = chunks.get_mut(tokens.start) {
                *chunk = text;
            }
        };
        for (operand, found) in expression.operands.iter().zip(&self.found) {
            let head = &operand.head;
            if head.wants == Wants::Port {
                if owner.is_some() && matches!(operand.standing, Standing::Direct | Standing::Inherited) {
                    let from =
                        if operand.standing == Standing::Direct { head.tokens.start } else { operand.tokens.start };
                    put(from..operand.tokens.end, port(operand));
                }
            } else if let Some(text) = written(operand, found.as_ref(), owner) {
                put(operand.tokens.clone(), text);
            }
        }
        for list in expression.port_lists.iter().filter(|_| owner.is_some()) {
            let inside = list.head.tokens.end..list.close;
            let is_dns = |operand: &Operand| inside.contains(&operand.tokens.start) && is_dns_port(&operand.text);
            if expression.operands.iter().any(is_dns) {
                put(list.head.tokens.clone(), format!("({} or {}", name_service(&list.head), list.head.text));
                put(list.close..list.close + 1, "))".to_owned());
            }
        }
        chunks
    }
}

impl Expression {
    pub(super) fn error(&self, what: String, span: Range<usize>) -> FilterError {
        FilterError { what, expression: self.text.clone(), span }
    }
}

/// The names that a filter's words may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub directory: &'a Directory,
    /// Names of single addresses, of a capture file or from the user.
    pub addresses: Option<NamesOfAddresses<'a>>,
}

fn look_up(operand: &Operand, known: Known<'_>) -> Result<Found, Nobody> {
    match look_up_in(operand, known.directory) {
        Err(Nobody::Unknown(nearest))
            if matches!(operand.head.wants, Wants::Host | Wants::HostOrNet | Wants::Other) =>
        {
            let addresses = || known.addresses.into_iter().flat_map(|names| names.addresses(&operand.text));
            match (addresses().count(), operand.head.family) {
                (0, _) => Err(Nobody::Unknown(nearest)),
                (_, Family::Ether) => Err(Nobody::NoMac),
                (many, _) if many > MAX_ADDRESSES => Err(Nobody::TooMany(many)),
                _ => Found::of_addresses(addresses().collect()).usable(&operand.text),
            }
        }
        found => found,
    }
}

/// With the nearest name of an address where no other is near. Not sought before it is an error: there may be many.
fn with_nearest(nobody: Nobody, known: Known<'_>, word: &str) -> Nobody {
    match (nobody, known.addresses) {
        (Nobody::Unknown(None), Some(names)) => Nobody::Unknown(nearest(names.names(), word)),
        (nobody, _) => nobody,
    }
}

fn look_up_in(operand: &Operand, directory: &Directory) -> Result<Found, Nobody> {
    if operand.misplaced {
        return Err(Nobody::Misplaced);
    }
    let found = match operand.head.wants {
        Wants::Host => people::host(directory, &operand.text),
        Wants::Net => people::network(directory, &operand.text),
        Wants::Service => people::service(directory, &operand.text),
        Wants::HostOrNet | Wants::Port | Wants::Other => people::host_or_network(directory, &operand.text),
    }?;
    let is_listed = matches!(operand.standing, Standing::First | Standing::Listed);
    // In a list only addresses can stand, and MAC addresses have no networks.
    let no_network = operand.head.wants == Wants::HostOrNet && is_listed || operand.head.family == Family::Ether;
    if found.is_network && no_network { Err(Nobody::Network) } else { Ok(found) }
}

/// Why a name cannot be looked up, for the user.
fn words(operand: &Operand, nobody: Nobody, why_no_names: Option<&str>) -> String {
    let name = &operand.text;
    let (kinds, list) = match operand.head.wants {
        Wants::Net => ("network", "docker network ls shows"),
        Wants::Service => ("compose service", "docker compose ps shows"),
        _ => ("container, network or host", "docker ps shows"),
    };
    let unqualified = matches!(operand.standing, Standing::Inherited | Standing::Bare);
    let keyword = nearest(COMMON.iter().copied(), name).filter(|_| unqualified);
    match nobody {
        Nobody::Misplaced => match keyword {
            Some(near) => format!("{name} does not belong here; did you mean {near}?"),
            None => format!("{name} does not belong here; man 7 pcap-filter has the syntax"),
        },
        Nobody::Unknown(None) if keyword.is_some() => {
            format!("no {kinds} is called {name}; did you mean {}?", keyword.unwrap_or_default())
        }
        Nobody::Unknown(Some(near)) => format!("no {kinds} is called {name}; did you mean {near}?"),
        Nobody::Unknown(None) => match why_no_names {
            Some(why) => format!("no {kinds} is called {name}: {why}"),
            None => format!("no {kinds} is called {name}; {list} those there are"),
        },
        Nobody::Ambiguous(names) => format!("{name} may be any of {}", names.join(", ")),
        Nobody::TooMany(many) => {
            format!("{name} stands for {many} addresses, and a filter takes {MAX_ADDRESSES}; write net and the network")
        }
        Nobody::Network if operand.head.family == Family::Ether => {
            format!(
                "{name} is a network, which has no MAC address; leave out {}",
                operand.head.protocol.as_deref().unwrap_or("ether")
            )
        }
        Nobody::Network => format!("{name} is a network: write net {name}"),
        Nobody::Container => format!("{name} is a container: write host {name}"),
        Nobody::NoMac => {
            format!("{name} is the name of an address, which tells no MAC address; leave out ether")
        }
        Nobody::NoAddress(name) => {
            format!("{name} has no address of its own, as one on the network host or none has not")
        }
    }
}

/// What stands for an operand; `None` where it is to stay as it is.
fn written(operand: &Operand, found: Option<&Found>, owner: Option<&Container>) -> Option<String> {
    let head = &operand.head;
    let values = if operand.is_name {
        named(found.unwrap_or(&Found::default()), head, owner)
    } else {
        let own = owner.and_then(|owner| own_loopback(&operand.text, head, owner))?;
        vec![operand.text.clone(), own.to_owned()]
    };
    let several = values.len() > 1 && operand.standing != Standing::First;
    let values = values.join(" or ");
    let values = if several { format!("({values})") } else { values };
    let is_network = found.is_some_and(|found| found.is_network) && head.wants == Wants::HostOrNet;
    let prefix = match operand.standing {
        _ if !operand.is_name => String::new(),
        Standing::Direct if is_network => "net ".to_owned(),
        Standing::Direct | Standing::First | Standing::Listed => String::new(),
        Standing::Inherited | Standing::Bare if is_network => format!("{} net ", head.text),
        // libpcap knows no operand without qualifiers at the beginning.
        Standing::Bare => "host ".to_owned(),
        Standing::Inherited => format!("{} ", head.text),
    };
    Some(format!("{}{values}", prefix.trim_start()))
}

/// The addresses that a name stands for behind these qualifiers; one that nobody has where there is none.
fn named(found: &Found, head: &Head, owner: Option<&Container>) -> Vec<String> {
    let fits = |address: &IpAddr| match head.family {
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
        Family::Any | Family::Ether => true,
    };
    let mut values: Vec<String> = match head.family {
        Family::Ether => found.macs.iter().map(ToString::to_string).collect(),
        _ if found.is_network => {
            let subnets = found.subnets.iter().filter(|subnet| fits(&subnet.address));
            subnets.map(|subnet| format!("{}/{}", masked(subnet.address, subnet.prefix), subnet.prefix)).collect()
        }
        _ => found.addresses.iter().filter(|address| fits(address)).map(ToString::to_string).collect(),
    };
    let is_owner = owner.is_some_and(|owner| {
        let mut addresses = owner.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
        addresses.any(|own| found.addresses.contains(own) || found.subnets.iter().any(|subnet| subnet.contains(*own)))
    });
    values.extend(loopback(head, found.is_network).filter(|_| is_owner).map(str::to_owned));
    if values.is_empty() {
        values.push(nobodys(head, found.is_network));
    }
    values
}

fn nobodys(head: &Head, is_network: bool) -> String {
    let is_net = is_network || head.wants == Wants::Net;
    match head.family {
        Family::Ether => NO_MAC.to_owned(),
        Family::V6 if is_net => format!("{NO_V6}/128"),
        Family::V6 => NO_V6.to_owned(),
        Family::Any | Family::V4 if is_net => format!("{NO_V4}/32"),
        Family::Any | Family::V4 => NO_V4.to_owned(),
    }
}

/// What stands for the owner on its own loopback interface.
fn loopback(head: &Head, is_network: bool) -> Option<&'static str> {
    match head.family {
        Family::Ether => Some("00:00:00:00:00:00"),
        // Docker's name service has no IPv6 address.
        Family::V6 => None,
        Family::Any | Family::V4 if is_network || head.wants == Wants::Net => Some("127.0.0.1/32"),
        Family::Any | Family::V4 => Some("127.0.0.1"),
    }
}

/// The loopback address beside an address that is written out, where it is the owner's.
fn own_loopback(text: &str, head: &Head, owner: &Container) -> Option<&'static str> {
    let mut endpoints = owner.endpoints.iter();
    let is_own = match head.family {
        Family::Ether => MacAddr::parse(text).is_some_and(|mac| endpoints.any(|endpoint| endpoint.mac == Some(mac))),
        _ => {
            let (range, prefix) = super::events::range(text)?;
            endpoints.flat_map(|at| &at.addresses).any(|own| masked(*own, prefix) == masked(range, prefix))
        }
    };
    let is_host = matches!(head.wants, Wants::HostOrNet | Wants::Host | Wants::Net);
    // libpcap takes a whole address behind net for a net of its own, which needs no prefix.
    if is_own && is_host { loopback(head, head.wants == Wants::Net) } else { None }
}

/// A primitive of a port inside a container's namespace.
fn port(operand: &Operand) -> String {
    let own = format!("{} {}", operand.head.text, operand.text);
    if is_dns_port(&operand.text) { format!("({} or {own})", name_service(&operand.head)) } else { own }
}

/// To or from Docker's name service, over the protocol and in the direction of the qualifiers.
fn name_service(head: &Head) -> String {
    let protocol = head.protocol.as_ref().map_or_else(String::new, |protocol| format!("{protocol} and "));
    let direction = head.direction.as_ref().map_or_else(String::new, |direction| format!("{direction} "));
    format!("({protocol}{direction}host {})", dns::DOCKER_DNS)
}

/// Whether 53 is among the ports: `53`, `domain`, `1-1024`.
fn is_dns_port(text: &str) -> bool {
    let number = |text: &str| if text == "domain" { Some(dns::PORT) } else { text.parse().ok() };
    match text.split_once('-') {
        Some((first, last)) => {
            let range = number(first).zip(number(last));
            range.is_some_and(|(first, last)| (first.min(last)..=first.max(last)).contains(&dns::PORT))
        }
        None => number(text) == Some(dns::PORT),
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
