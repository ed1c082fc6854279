//! What ICMP says of packets that did not arrive (RFC 792, RFC 4443): the end of what they belong to, where that is known.

use super::event::{Ends, Event, IcmpError, Nodes, Notice, Place, What};
use super::flow::{flow_key, quoted_ends};
use super::limits::PassedOver;
use super::{Flows, Sink, place, seen};
use crate::decode::icmp::{self, Body, Icmp, Reason};
use crate::decode::message::{self, Endpoint};
use crate::decode::{Ip, Packet};

impl Flows {
    pub(super) fn icmp(&mut self, packet: &Packet<'_>, ip: &Ip<'_>, icmp: &Icmp<'_>, sink: &mut dyn Sink) {
        let Body::Error(error) = icmp.body else {
            self.counters.pass_over(PassedOver::Icmp(ip.source.is_ipv6(), icmp.kind));
            return;
        };
        let (place, seen) = (place(packet), seen(packet));
        let said = IcmpError { reason: error.reason, from: ip.source, mtu: error.mtu };
        let about = icmp::quoted(error.quoted);
        if said.reason.is_failure() && self.fail(packet, error.quoted, about, said, sink) {
            return;
        }
        let server_mac = packet.link.destination.filter(|mac| !mac.is_group());
        let (client, server) = (Endpoint::host(ip.source), Endpoint::host(ip.destination));
        let ends = Ends { client, server, client_mac: packet.link.source, server_mac };
        let ends = about.map_or(ends, |about| self.ends_of(place, about));
        let (nodes, what) = (Nodes::default(), What::IcmpError { error: said, about });
        sink.event(Event::Notice(Notice { place, nodes, ends, seen, what }));
    }

    /// Ends the exchange, connection or flow that the quoted packet belongs to. False where there is none, or where it can
    /// go on.
    fn fail(
        &mut self,
        packet: &Packet<'_>,
        quoted: &[u8],
        about: Option<icmp::Quoted>,
        error: IcmpError,
        sink: &mut dyn Sink,
    ) -> bool {
        let (place, seen) = (place(packet), seen(packet));
        if let Some(inner) = crate::decode::quoted(packet, quoted)
            && let Some(request) = message::read(&inner)
            && self.exchanges.fail(place, &request, error, seen, sink)
        {
            return true;
        }
        let Some(about) = about else { return false };
        let key = flow_key(place, about);
        match about.protocol {
            crate::decode::ip::TCP => self.connections.fail(key, error, seen, sink).is_some(),
            crate::decode::ip::UDP if error.reason != Reason::TooBig => {
                self.datagrams.fail(key, error, seen, sink).is_some()
            }
            _ => false,
        }
    }

    /// The ends of the flow that a quoted packet belongs to, client first where that is known.
    fn ends_of(&self, place: Place, about: icmp::Quoted) -> Ends {
        let key = flow_key(place, about);
        let known = match about.protocol {
            crate::decode::ip::TCP => self.connections.ends(&key),
            crate::decode::ip::UDP => self.datagrams.ends(&key),
            _ => None,
        };
        let (client, server) = quoted_ends(about);
        known.unwrap_or(Ends { client, server, client_mac: None, server_mac: None })
    }
}
