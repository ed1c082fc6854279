//! Pings, and the errors that ICMP tells.

topics! {
    PING "ping":
        "Ping sends an ICMP echo request, and the receiver's kernel sends the same data back. It shows that packets \
        go both ways, and not that any program there works.",
        see "RFC 1122, section 3.2.2.6" "https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6",
        "ping(8)" "https://man7.org/linux/man-pages/man8/ping.8.html";
    PING6 "ping6":
        "Ping over IPv6: an ICMPv6 echo request, and the receiver's kernel sends the same data back. It shows that \
        packets go both ways, and not that any program there works.",
        see "RFC 4443, section 4.1" "https://www.rfc-editor.org/rfc/rfc4443#section-4.1",
        "ping(8)" "https://man7.org/linux/man-pages/man8/ping.8.html";
    PING_UNANSWERED "ping-unanswered":
        "No reply within a second: nobody has the address, or something on the way there or back drops it, or it is \
        late. The silence alone does not tell which.",
        see "RFC 1122, section 3.2.2.6" "https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6";
    FRAGMENTED "fragments":
        "The packet was longer than the link takes, so it was sent in fragments that the receiver puts together \
        again.",
        see "RFC 791, section 2.3" "https://www.rfc-editor.org/rfc/rfc791#section-2.3",
        "RFC 8200, section 4.5" "https://www.rfc-editor.org/rfc/rfc8200#section-4.5";
    NETWORKS_APART "networks-apart":
        "The address asked for is on another bridge network. Unless told otherwise, Docker's firewall rules drop \
        what goes from one to another: put both containers on one network.",
        see "Docker: Bridge network driver" "https://docs.docker.com/engine/network/drivers/bridge/",
        "Docker: Port publishing" "https://docs.docker.com/engine/network/port-publishing/#gateway-modes";
    PORT_UNREACHABLE "port-unreachable":
        "Mostly it is the receiver that says this: no program has the UDP port open. A firewall that rejects \
        packets says the same by default.",
        see "RFC 1122, section 4.1.3.1" "https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.1",
        "iptables-extensions(8), REJECT" "https://man7.org/linux/man-pages/man8/iptables-extensions.8.html";
    REJECTED "rejected":
        "A TCP port that nobody listens on answers with RST, and a ping has no port: an ICMP port unreachable in \
        answer to one of them comes from a firewall that rejects the packet.",
        see "iptables-extensions(8), REJECT" "https://man7.org/linux/man-pages/man8/iptables-extensions.8.html";
    HOST_UNREACHABLE "host-unreachable":
        "Whoever sends this error was to deliver the packet to that address and could not, mostly because nobody \
        answered its ARP request or neighbour solicitation there.",
        see "RFC 1812, section 5.2.7.1" "https://www.rfc-editor.org/rfc/rfc1812#section-5.2.7.1",
        "RFC 4443, section 3.1" "https://www.rfc-editor.org/rfc/rfc4443#section-3.1";
    NETWORK_UNREACHABLE "network-unreachable":
        "Whoever sends this error has no route to the network of that address, so the packet ended there.",
        see "RFC 1812, section 5.2.7.1" "https://www.rfc-editor.org/rfc/rfc1812#section-5.2.7.1",
        "RFC 4443, section 3.1" "https://www.rfc-editor.org/rfc/rfc4443#section-3.1";
    PROTOCOL_UNREACHABLE "protocol-unreachable":
        "The packet arrived, but the receiver does not know the protocol that it carries.",
        see "RFC 1122, section 3.2.2.1" "https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1",
        "RFC 4443, section 3.4" "https://www.rfc-editor.org/rfc/rfc4443#section-3.4";
    PROHIBITED "administratively-prohibited":
        "A filter or a rule of routing forbids this packet, and says so instead of dropping it in silence.",
        see "RFC 1812, section 5.2.7.1" "https://www.rfc-editor.org/rfc/rfc1812#section-5.2.7.1",
        "RFC 4443, section 3.1" "https://www.rfc-editor.org/rfc/rfc4443#section-3.1";
    UNREACHABLE "destination-unreachable":
        "The packet could not be delivered, for a reason that the code of the ICMP message tells.",
        see "RFC 1812, section 5.2.7.1" "https://www.rfc-editor.org/rfc/rfc1812#section-5.2.7.1",
        "RFC 4443, section 3.1" "https://www.rfc-editor.org/rfc/rfc4443#section-3.1";
    TOO_BIG "packet-too-big":
        "The next link takes only shorter packets, and this one must not be fragmented on the way: the error says \
        what fits, and the sender sends shorter ones (path MTU discovery).",
        see "RFC 1191, section 3" "https://www.rfc-editor.org/rfc/rfc1191#section-3",
        "RFC 8201" "https://www.rfc-editor.org/rfc/rfc8201";
    TIME_EXCEEDED "time-exceeded":
        "Each router lowers a packet's TTL (in IPv6, hop limit), and where none is left it drops the packet and \
        says so. That ends packets that go in circles; traceroute makes use of it.",
        see "RFC 1812, section 5.2.7.3" "https://www.rfc-editor.org/rfc/rfc1812#section-5.2.7.3",
        "RFC 4443, section 3.3" "https://www.rfc-editor.org/rfc/rfc4443#section-3.3";
    REASSEMBLY "reassembly-time-exceeded":
        "A fragment of the packet did not come in time, so the receiver could not put the packet together and threw \
        the others away.",
        see "RFC 1122, section 3.3.2" "https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2",
        "RFC 4443, section 3.3" "https://www.rfc-editor.org/rfc/rfc4443#section-3.3";
    REDIRECT "redirect":
        "A router passed the packet on, and tells the sender that another way is shorter: a better next hop, or the \
        receiver itself, is on the sender's own network.",
        see "RFC 1122, section 3.2.2.2" "https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.2",
        "RFC 4861, section 8" "https://www.rfc-editor.org/rfc/rfc4861#section-8";
    PARAMETER_PROBLEM "parameter-problem":
        "Somebody on the way could not make sense of a field of the packet's header, so the packet was thrown away.",
        see "RFC 1122, section 3.2.2.5" "https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.5",
        "RFC 4443, section 3.4" "https://www.rfc-editor.org/rfc/rfc4443#section-3.4";
    SOURCE_QUENCH "source-quench":
        "An old way to ask a sender to slow down. Nobody should send it any more, and a receiver takes no notice of \
        it.",
        see "RFC 6633" "https://www.rfc-editor.org/rfc/rfc6633";
}
