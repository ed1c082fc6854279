//! What an event says, in words. Long and short forms say the same; the short ones fit narrow terminals.

use std::fmt;
use std::slice;
use std::time::Duration;

use super::line::Port;
use super::units::{Count, Seconds};
use crate::address;
use crate::decode::icmp::Quoted;
use crate::decode::message::Endpoint;
use crate::decode::{describe, dns, ip};
use crate::digits::{self, Append};
use crate::join::Told;
use crate::name::Namer;
use crate::time::Timestamp;
use crate::track::event::{
    Connection, DatagramStage, Datagrams, Direction, Event, Exchange, IcmpError, Lookup, Missing, Nodes, Notice,
    Outcome, Place, Remaining, Stage, Subject, What,
};

/// Writes what an event says. Names and other foreign text in it are not escaped yet.
pub fn write(told: &Told<'_>, namer: &Namer, short: bool, out: &mut impl Append) -> fmt::Result {
    match &told.event {
        Event::Exchange(exchange) => {
            Words { namer, short, place: exchange.place, out }.exchange(exchange)?;
            match told.upstream.filter(|_| !short) {
                Some(upstream) => {
                    let server = namer.party(Endpoint::host(upstream), None, exchange.place, exchange.request.at);
                    write!(out, ", from {}", server.name)
                }
                None => Ok(()),
            }
        }
        Event::Connection(connection) => Words { namer, short, place: connection.place, out }.connection(connection),
        Event::Datagrams(datagrams) => Words { namer, short, place: datagrams.place, out }.datagrams(datagrams),
        Event::Notice(notice) => Words { namer, short, place: notice.place, out }.notice(notice),
        Event::Packet(packet) => {
            out.append(&packet.words);
            Ok(())
        }
        Event::Measured(measured) => out.write_str(measured.measure.name()),
    }
}

/// Writes through which port of the host a container was reached, behind its name: `(via :8080)`, short `(:8080)`. Where
/// only the daemon's list of ports is known, `(published :8080)`, short `(:8080?)`.
pub fn port(port: &Port, short: bool, out: &mut impl Append) -> fmt::Result {
    let (said, bindings, doubt) = match port {
        Port::None => return Ok(()),
        Port::Known(published) => ("via ", slice::from_ref(&published.host), ""),
        Port::Possible(bindings) => ("published ", bindings.as_slice(), "?"),
    };
    // One for IPv4 and one for IPv6 are the same to a person.
    let mut ports: Vec<_> = bindings.iter().filter_map(|binding| binding.port).collect();
    ports.dedup();
    out.append(" (");
    out.append(if short { "" } else { said });
    for (nth, port) in ports.iter().enumerate() {
        write!(out, "{}:{port}", if nth > 0 { ", " } else { "" })?;
    }
    out.append(if short { doubt } else { "" });
    out.write_char(')')
}

/// Writes the tunnel that an event was seen in, if there was one: `vxlan 4097, node 10.88.0.1 → 10.88.0.2`.
pub fn tunnel(event: &Event<'_>, out: &mut impl Append) -> fmt::Result {
    let Some(vni) = event.place().vni else { return Ok(()) };
    write!(out, "vxlan {vni}")?;
    match event.nodes() {
        Nodes { client: Some(client), server: Some(server) } => write!(out, ", node {client} → {server}"),
        Nodes { client: Some(client), server: None } => write!(out, ", from node {client}"),
        Nodes { client: None, server: Some(server) } => write!(out, ", to node {server}"),
        Nodes { client: None, server: None } => Ok(()),
    }
}

pub(super) struct Words<'a, O = String> {
    pub namer: &'a Namer,
    pub short: bool,
    pub place: Place,
    pub out: &'a mut O,
}

impl<O: Append> Words<'_, O> {
    fn exchange(&mut self, exchange: &Exchange<'_>) -> fmt::Result {
        match &exchange.subject {
            Subject::Ping { sequence, data_len, hop_limit, fragmented, .. } => {
                self.number("seq ", *sequence);
                if !self.short {
                    self.number(", ", *data_len);
                    self.number(if *fragmented { " bytes in fragments, ttl " } else { " bytes, ttl " }, *hop_limit);
                }
                self.out.append(" → ");
            }
            Subject::Neighbour { address, .. } => match exchange.outcome {
                Outcome::Answered if self.short => self.out.append("is "),
                Outcome::Answered => {
                    address::push(self.out, *address);
                    self.out.append(" is ");
                }
                _ => write!(self.out, "who has {address}? → ")?,
            },
            Subject::Lookup(lookup) => {
                self.question(lookup)?;
                self.out.append(" → ");
            }
        }
        self.ending(exchange)?;
        if exchange.late {
            self.out.append(", late");
        }
        Ok(())
    }

    /// Some words and a number behind them.
    fn number(&mut self, before: &str, number: impl TryInto<u64>) {
        self.out.append(before);
        digits::push(self.out, number);
    }

    pub fn question(&mut self, lookup: &Lookup<'_>) -> fmt::Result {
        if lookup.name.is_empty() {
            return self.out.write_str("no question");
        }
        lookup.kind.write_text(self.out)?;
        self.out.append(" ");
        lookup.question().write_text(self.out)?;
        if lookup.over_tcp { self.out.write_str(" (TCP)") } else { Ok(()) }
    }

    fn ending(&mut self, exchange: &Exchange<'_>) -> fmt::Result {
        match exchange.outcome {
            Outcome::Answered | Outcome::Failed(None) => {
                self.answer(&exchange.subject)?;
                self.leads_to(exchange)?;
                if exchange.tries > 1 { write!(self.out, " (try {})", exchange.tries) } else { Ok(()) }
            }
            Outcome::Failed(Some(error)) => self.icmp_error(&error, exchange.known_at),
            Outcome::Unanswered(why) => self.no_answer(why, "--max-pending", exchange.tries, exchange.waited),
        }
    }

    pub fn answer(&mut self, subject: &Subject<'_>) -> fmt::Result {
        match subject {
            Subject::Ping { .. } => self.out.write_str("reply"),
            Subject::Neighbour { mac: Some(mac), .. } => {
                self.out.append("at ");
                mac.push(self.out);
                Ok(())
            }
            Subject::Neighbour { mac: None, .. } => self.out.write_str("here"),
            Subject::Lookup(lookup) => match lookup.message() {
                Some(message) => describe::answers(&message, self.out),
                None => self.out.write_str("answer"),
            },
        }
    }

    /// Whom a lookup's answer leads to, where the name that was asked for does not say it. The lines after it have that name,
    /// and nothing else would tell that it is the same.
    pub fn leads_to(&mut self, exchange: &Exchange<'_>) -> fmt::Result {
        let Subject::Lookup(lookup) = &exchange.subject else { return Ok(()) };
        match self.namer.answered_by(lookup, &exchange.ends, exchange.place, exchange.request.at) {
            Some(name) if !self.short => write!(self.out, " ({name})"),
            _ => Ok(()),
        }
    }

    /// What an ICMP error says, without who says it.
    pub fn icmp_reason(&mut self, error: &IcmpError) -> fmt::Result {
        self.out.append(error.reason.words());
        error.mtu.map_or(Ok(()), |mtu| write!(self.out, " (mtu {mtu})"))
    }

    fn icmp_error(&mut self, error: &IcmpError, at: Timestamp) -> fmt::Result {
        self.icmp_reason(error)?;
        let from = self.namer.party(Endpoint::host(error.from), None, self.place, at);
        write!(self.out, ", says {}", from.name)
    }

    pub fn no_answer(&mut self, why: Missing, limit: &str, tries: u32, waited: Duration) -> fmt::Result {
        self.out.append("no answer");
        if tries > 1 {
            write!(self.out, " after {tries} tries")?;
        }
        write!(self.out, " in {} s", Seconds(waited))?;
        match why {
            Missing::TimedOut => Ok(()),
            Missing::CaptureEnded => self.out.write_str(", then the capture ended"),
            Missing::TableFull => write!(self.out, ", then it was forgotten (see {limit})"),
        }
    }

    fn connection(&mut self, connection: &Connection) -> fmt::Result {
        let Connection { handshake, first, known_at, .. } = connection;
        let waited = *known_at - first.at;
        match connection.stage {
            Stage::Opened if connection.before_capture => self.out.write_str("open since before the capture"),
            Stage::Opened => {
                self.out.append("open");
                if handshake.tries > 1 { write!(self.out, " (try {})", handshake.tries) } else { Ok(()) }
            }
            Stage::Closed { by } => {
                self.out.append("closed");
                if !self.short {
                    self.out.append(" by ");
                    self.out.append(by.name());
                }
                self.out.append(": ");
                self.traffic(connection)
            }
            Stage::Reset { by } => {
                write!(self.out, "reset by {}: ", by.name())?;
                self.traffic(connection)
            }
            Stage::Refused => self.out.write_str("refused (RST)"),
            Stage::Failed(error) => self.icmp_error(&error, *known_at),
            Stage::Unanswered(why) => {
                self.out.append("SYN → ");
                self.no_answer(why, "--max-flows", handshake.tries, waited)
            }
            Stage::HalfOpen(why) => {
                self.out.append("half-open, SYN-ACK → ");
                self.no_answer(why, "--max-flows", 1, waited)
            }
            Stage::StillOpen(why) => {
                self.out.append(remaining(why));
                self.out.append(": ");
                self.traffic(connection)
            }
        }
    }

    /// Bytes each way, and what went wrong on the way.
    fn traffic(&mut self, connection: &Connection) -> fmt::Result {
        let Connection { there, back, .. } = connection;
        match self.short {
            true => write!(self.out, "{} →, {} ←", there.bytes, back.bytes)?,
            false => {
                self.number("", there.bytes);
                self.number(" bytes there, ", back.bytes);
                self.out.append(" back");
            }
        }
        self.troubles(connection)
    }

    /// What went wrong while a connection was open, counted: `, 2 retransmitted`.
    pub fn troubles(&mut self, connection: &Connection) -> fmt::Result {
        if !connection.has_troubles() {
            return Ok(());
        }
        let Connection { there, back, .. } = connection;
        let both = |figure: fn(&Direction) -> u32| u64::from(figure(there)) + u64::from(figure(back));
        for (count, what) in [
            (both(|direction| direction.retransmissions), "retransmitted"),
            (both(|direction| direction.out_of_order), "out of order"),
            (both(|direction| direction.zero_windows), "times zero window"),
        ] {
            if count > 0 {
                write!(self.out, ", {count} {what}")?;
            }
        }
        Ok(())
    }

    fn datagrams(&mut self, datagrams: &Datagrams) -> fmt::Result {
        let Datagrams { there, back, .. } = datagrams;
        match datagrams.stage {
            DatagramStage::Began => return write!(self.out, "first datagram, {}", Count(there.bytes, "byte")),
            DatagramStage::Failed(error) => return self.icmp_error(&error, datagrams.known_at),
            DatagramStage::Idle => self.out.append("ended: "),
            DatagramStage::StillOpen(why) => {
                self.out.append(remaining(why));
                self.out.append(": ");
            }
        }
        if self.short {
            return write!(self.out, "{} →, {} ← bytes", there.bytes, back.bytes);
        }
        let count = Count(there.packets, "datagram");
        write!(self.out, "{count}, {} there; {}, {} back", Count(there.bytes, "byte"), back.packets, back.bytes)
    }

    pub fn notice(&mut self, notice: &Notice<'_>) -> fmt::Result {
        match &notice.what {
            What::Announcement { address, mac: Some(mac), .. } => write!(self.out, "announces {address} is at {mac}"),
            What::Announcement { address, mac: None, .. } => write!(self.out, "announces {address}"),
            What::Probe { address, .. } => write!(self.out, "is {address} taken?"),
            What::Dns { message, .. } => match dns::Message::new(message) {
                Some(message) => describe::dns_message(&message, self.out),
                None => Ok(()),
            },
            What::Unasked { subject, .. } => self.unasked(subject),
            What::IcmpError { error, about } => {
                self.icmp_error(error, notice.seen.at)?;
                self.about(*about)
            }
        }
    }

    /// The protocol of the packet that an ICMP error is about.
    pub fn about(&mut self, about: Option<Quoted>) -> fmt::Result {
        match about.and_then(|about| ip::protocol_name(about.protocol)) {
            Some(protocol) => write!(self.out, ", about {protocol}"),
            None => Ok(()),
        }
    }

    fn unasked(&mut self, subject: &Subject<'_>) -> fmt::Result {
        match subject {
            Subject::Ping { sequence, .. } => write!(self.out, "seq {sequence} → reply")?,
            Subject::Neighbour { address, mac: Some(mac) } => write!(self.out, "{address} is at {mac}")?,
            Subject::Neighbour { address, mac: None } => write!(self.out, "{address} is here")?,
            Subject::Lookup(lookup) => match lookup.message() {
                Some(message) => describe::dns_message(&message, self.out)?,
                None => self.out.append("answer"),
            },
        }
        self.out.append(if self.short { " (unasked)" } else { " (its request was not seen)" });
        Ok(())
    }
}

/// Why something that is open is told: `still open`.
pub(super) const fn remaining(why: Remaining) -> &'static str {
    match why {
        Remaining::CaptureEnded => "still open",
        Remaining::TableFull => "forgotten while open (see --max-flows)",
        Remaining::Replaced => "replaced by a new connection",
    }
}
