//! A packet in words, for the log of single packets. Nothing is put into words that nobody prints.

use std::fmt;
use std::net::IpAddr;

use super::message::{Message, Subject};
use super::tcp::TcpOption;
use super::{Icmp, Ip, Network, Packet, Tcp, Transport, arp, dns, icmp, ip, link, message};
use crate::address;
use crate::digits::{self, Append};

/// The kind of a packet: `arp`, `ping`, `dns`, `tcp`, …
pub fn kind(packet: &Packet<'_>) -> &'static str {
    kind_with(packet, message::read(packet).as_ref())
}

/// The same of a packet whose message was read.
pub(crate) fn kind_with(packet: &Packet<'_>, message: Option<&Message<'_>>) -> &'static str {
    if let Some(message) = message {
        return message.protocol.protocol().name();
    }
    match packet.network {
        Network::Arp(_) => "arp",
        Network::Ip(Ip { transport: Transport::Tcp(_), .. }) => "tcp",
        Network::Ip(Ip { transport: Transport::Udp(_), .. }) => "udp",
        Network::Ip(Ip { transport: Transport::Icmp(_), .. }) => "icmp",
        Network::Ip(_) => "ip",
        Network::Other => "link",
    }
}

/// Writes what the packet says.
pub fn describe(packet: &Packet<'_>, out: &mut impl Append) -> fmt::Result {
    describe_with(packet, message::read(packet).as_ref(), out)
}

/// The same of a packet whose message was read.
pub(crate) fn describe_with(packet: &Packet<'_>, message: Option<&Message<'_>>, out: &mut impl Append) -> fmt::Result {
    match (message.map(|message| message.subject), &packet.network) {
        (Some(Subject::Dns(message)), _) => dns_message(&message, out)?,
        (_, Network::Arp(arp)) => arp_packet(arp, out)?,
        (_, Network::Ip(ip)) => ip_packet(ip, out)?,
        (_, Network::Other) => match link::ethertype_name(packet.link.ethertype) {
            Some(name) => write!(out, "{name}, {} bytes", packet.wire_len)?,
            None => write!(out, "ethertype 0x{:04x}, {} bytes", packet.link.ethertype, packet.wire_len)?,
        },
    }
    for vlan in packet.link.vlans.into_iter().flatten() {
        write!(out, ", vlan {vlan}")?;
    }
    packet.stop.map_or(Ok(()), |stop| write!(out, " [{stop}]"))
}

fn arp_packet(arp: &arp::Arp, out: &mut impl Append) -> fmt::Result {
    match arp.operation {
        arp::REQUEST if arp.sender == arp.target => write!(out, "announces {} is at {}", arp.sender, arp.sender_mac),
        arp::REQUEST => {
            out.append("who has ");
            address::push(out, arp.target.into());
            out.append("?");
            Ok(())
        }
        arp::REPLY => {
            address::push(out, arp.sender.into());
            out.append(" is at ");
            arp.sender_mac.push(out);
            Ok(())
        }
        other => write!(out, "operation {other}"),
    }
}

fn ip_packet(ip: &Ip<'_>, out: &mut impl Append) -> fmt::Result {
    match &ip.transport {
        Transport::Tcp(tcp) => segment(tcp, out),
        Transport::Udp(udp) => {
            digits::push(out, udp.payload_len);
            out.append(" bytes");
        }
        Transport::Icmp(icmp) => icmp_message(ip, icmp, out)?,
        Transport::Fragment | Transport::Other => match ip::protocol_name(ip.protocol) {
            Some(name) => write!(out, "{name}, {} bytes", ip.payload_len)?,
            None => write!(out, "protocol {}, {} bytes", ip.protocol, ip.payload_len)?,
        },
    }
    if let Some(fragment) = ip.fragment {
        let more = if fragment.more { ", more follow" } else { ", the last" };
        write!(out, ", fragment of {} at {}{more}", fragment.id, fragment.offset)?;
    }
    Ok(())
}

/// Writes what a segment says.
#[expect(clippy::inline_always, reason = "what writes has its place in a register where it is in line")]
#[inline(always)]
pub fn segment(tcp: &Tcp<'_>, out: &mut impl Append) {
    let (letters, len) = tcp.flags.letters();
    out.append("[");
    out.append_ascii(letters, len);
    out.append("] seq ");
    digits::push(out, tcp.sequence);
    if tcp.flags.ack() {
        out.append(" ack ");
        digits::push(out, tcp.acknowledgement);
    }
    out.append(" win ");
    digits::push(out, tcp.window);
    out.append(", ");
    digits::push(out, tcp.payload_len);
    out.append(" bytes");
    for option in tcp.options() {
        match option {
            TcpOption::MaximumSegmentSize(size) => {
                out.append(", mss ");
                digits::push(out, size);
            }
            TcpOption::WindowScale(shift) => {
                out.append(", wscale ");
                digits::push(out, shift);
            }
            TcpOption::SackPermitted => out.append(", sackOK"),
            TcpOption::Sack(blocks) => {
                out.append(", sack ");
                digits::push(out, blocks.len() / 8);
            }
            // Timestamps are on nearly every segment: tcpdump's readers know, others only lose the line's end to them.
            TcpOption::Timestamps(..) | TcpOption::Other(_) => {}
        }
    }
}

fn icmp_message(ip: &Ip<'_>, icmp: &Icmp<'_>, out: &mut impl Append) -> fmt::Result {
    match icmp.body {
        icmp::Body::Echo(echo) => {
            echo_message(&echo, ip.hop_limit, out);
            Ok(())
        }
        icmp::Body::Error(error) => icmp_error(&error, out),
        icmp::Body::Neighbour(neighbour) if !neighbour.advertisement => {
            write!(out, "who has {}?", neighbour.target)
        }
        icmp::Body::Neighbour(icmp::Neighbour { target, mac: Some(mac), .. }) => write!(out, "{target} is at {mac}"),
        icmp::Body::Neighbour(neighbour) => write!(out, "{} is here", neighbour.target),
        icmp::Body::Other => match icmp::type_name(matches!(ip.source, IpAddr::V6(_)), icmp.kind) {
            Some(name) => out.write_str(name),
            None => write!(out, "type {}, code {}", icmp.kind, icmp.code),
        },
    }
}

/// Writes what a ping or its reply says.
#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
pub fn echo_message(echo: &icmp::Echo, hop_limit: u8, out: &mut impl Append) {
    out.append(if echo.reply { "echo reply, seq " } else { "echo request, seq " });
    digits::push(out, echo.sequence);
    out.append(", ");
    digits::push(out, echo.data_len);
    out.append(" bytes, ttl ");
    digits::push(out, hop_limit);
}

/// Writes what the packet says of a ping or a lookup in a usual frame, which is what its message says.
pub(crate) fn usual_message(message: &Message<'_>, out: &mut impl Append) -> fmt::Result {
    match &message.subject {
        Subject::Dns(message) => dns_message(message, out),
        Subject::Ping { echo, hop_limit, .. } => {
            echo_message(echo, *hop_limit, out);
            Ok(())
        }
        Subject::Neighbour { .. } => Ok(()),
    }
}

/// Writes what an ICMP error says and about which packet.
pub fn icmp_error(error: &icmp::Error<'_>, out: &mut impl Append) -> fmt::Result {
    out.append(error.reason.words());
    if let Some(mtu) = error.mtu {
        write!(out, ", mtu {mtu}")?;
    }
    let Some(about) = icmp::quoted(error.quoted) else { return Ok(()) };
    let protocol = ip::protocol_name(about.protocol).unwrap_or("IP");
    write!(out, ", about {protocol} to {}", about.destination)?;
    match about.protocol {
        ip::TCP | ip::UDP => write!(out, ":{}", about.pair.1),
        ip::ICMP | ip::ICMPV6 => write!(out, " seq {}", about.pair.1),
        _ => Ok(()),
    }
}

/// Writes a DNS message: its question, and its answers where it is a response.
pub fn dns_message(message: &dns::Message<'_>, out: &mut impl Append) -> fmt::Result {
    let mut any = false;
    for question in message.questions().take(4) {
        if any {
            out.append(", ");
        }
        question.kind.write_text(out)?;
        out.append(" ");
        question.name.write_text(out)?;
        any = true;
    }
    if !message.is_response() {
        out.append(if any { "?" } else { "no question" });
        return Ok(());
    }
    if any {
        out.append(" → ");
    }
    answers(message, out)
}

/// As many answers are put into words; the rest is counted.
const ANSWERS_SHOWN: usize = 4;

/// Writes what a response says: its records, `no address`, or its failure.
pub fn answers(message: &dns::Message<'_>, out: &mut impl Append) -> fmt::Result {
    let asked = message.question().map(|question| question.kind);
    let rcode = message.rcode();
    if rcode != dns::Rcode::NOERROR {
        return write!(out, "{rcode}");
    }
    let mut shown = 0;
    for record in message.answers() {
        shown += 1;
        if shown > ANSWERS_SHOWN {
            continue;
        }
        if shown > 1 {
            out.append(", ");
        }
        if Some(record.kind) != asked {
            record.kind.write_text(out)?;
            out.append(" ");
        }
        match record.address() {
            Some(address) => address::push(out, address),
            None => write!(out, "{record}")?,
        }
    }
    if shown > ANSWERS_SHOWN {
        write!(out, " and {} more", shown - ANSWERS_SHOWN)?;
    }
    match (shown, asked) {
        (0, Some(dns::RecordType::A | dns::RecordType::AAAA)) => out.append("no address"),
        (0, _) => out.append("no record"),
        _ => {}
    }
    if message.is_truncated() {
        out.append(" (cut, ask by TCP)");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{decode, testing::ethernet};
    use super::*;
    use crate::time::Timestamp;

    fn words(bytes: &[u8]) -> String {
        let mut out = String::new();
        let packet = decode(&ethernet(bytes, 1, Timestamp::ZERO));
        describe(&packet, &mut out).unwrap();
        format!("{} {out}", kind(&packet))
    }

    #[test]
    fn says_what_a_segment_is() {
        let builder = etherparse::PacketBuilder::ethernet2([0; 6], [0; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        let mut bytes = Vec::new();
        builder.tcp(40000, 80, 7, 64240).syn().write(&mut bytes, &[]).unwrap();
        assert_eq!(words(&bytes), "tcp [S] seq 7 win 64240, 0 bytes");
    }

    #[test]
    fn says_what_a_lookup_on_a_random_port_of_docker_dns_asks() {
        let builder = etherparse::PacketBuilder::ethernet2([0; 6], [0; 6]).ipv4([127, 0, 0, 1], [127, 0, 0, 11], 64);
        let mut bytes = Vec::new();
        let query = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, b'd', b'b', 0, 0, 28, 0, 1];
        builder.udp(46758, 51804).write(&mut bytes, &query).unwrap();
        assert_eq!(words(&bytes), "dns AAAA db?");
    }

    #[test]
    fn says_that_a_frame_is_not_ip() {
        let mut bytes = vec![0; 12];
        bytes.extend([0x88, 0xcc, 1, 2, 3]);
        assert_eq!(words(&bytes), "link LLDP, 17 bytes");
    }
}
