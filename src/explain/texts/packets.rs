//! Single packets.

topics! {
    SYN "packet-syn":
        "SYN asks to open a connection, and says from which number on the sender counts its bytes.",
        see "RFC 9293, section 3.5" "https://www.rfc-editor.org/rfc/rfc9293#section-3.5";
    SYN_ACK "packet-syn-ack":
        "SYN-ACK accepts the connection: it acknowledges the client's SYN, and says from which number on the server \
        counts its own bytes.",
        see "RFC 9293, section 3.5" "https://www.rfc-editor.org/rfc/rfc9293#section-3.5";
    ACK "packet-ack":
        "A segment without data: its acknowledgement number says which byte its sender expects next, and its window \
        how many more it has room for.",
        see "RFC 9293, section 3.4" "https://www.rfc-editor.org/rfc/rfc9293#section-3.4";
    DATA "packet-data":
        "A segment with data: seq is the number of its first byte, so the receiver can put all in order, and \
        acknowledge what came.",
        see "RFC 9293, section 3.4" "https://www.rfc-editor.org/rfc/rfc9293#section-3.4";
    FIN "packet-fin":
        "FIN says that its sender has nothing more to send. It may still receive, until the other end says FIN, \
        too.",
        see "RFC 9293, section 3.6" "https://www.rfc-editor.org/rfc/rfc9293#section-3.6";
    RST "packet-rst":
        "RST ends a connection at once, or refuses one: mostly there is nobody at that port, or a program broke \
        off.",
        see "RFC 9293, section 3.5.2" "https://www.rfc-editor.org/rfc/rfc9293#section-3.5.2";
    ODD_FLAGS "packet-odd-flags":
        "No regular segment has these flags: all but the first of a connection have ACK set. Port scanners send \
        such, to see what comes back.",
        see "RFC 9293, section 3.10.7" "https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7";
    DATAGRAM "packet-udp":
        "A UDP datagram goes to a port without any opening or acknowledgement: what is to be done where one is lost \
        is left to the program.",
        see "RFC 768" "https://www.rfc-editor.org/rfc/rfc768";
    DNS_ANSWER "packet-dns-answer":
        "A DNS answer repeats the id and the question, so that the client knows what it answers, and has the \
        records behind them.",
        see "RFC 1035, section 4.1" "https://www.rfc-editor.org/rfc/rfc1035#section-4.1";
    ECHO_REPLY "packet-echo-reply":
        "The answer to an echo request, with the same identifier, sequence number and data.",
        see "RFC 1122, section 3.2.2.6" "https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6",
        "RFC 4443, section 4.2" "https://www.rfc-editor.org/rfc/rfc4443#section-4.2";
    ARP_REPLY "packet-arp-reply":
        "The answer to an ARP request: it says which MAC address has the address that was asked for. Now the asker \
        can send its packet.",
        see "RFC 826" "https://www.rfc-editor.org/rfc/rfc826";
    ADVERTISEMENT "packet-neighbour-advertisement":
        "The answer to a neighbour solicitation, which is what an ARP reply is to IPv4: whoever has the address \
        says so.",
        see "RFC 4861, section 7.2.4" "https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4";
    ROUTER_SOLICITATION "packet-router-solicitation":
        "A machine whose interface came up asks the routers of the link to announce themselves, with prefixes for \
        its addresses. Where there is none, nobody answers.",
        see "RFC 4861, section 6.3.7" "https://www.rfc-editor.org/rfc/rfc4861#section-6.3.7";
    ROUTER_ADVERTISEMENT "packet-router-advertisement":
        "A router of the link announces itself, and with which prefixes machines may make themselves addresses.",
        see "RFC 4861, section 6.2" "https://www.rfc-editor.org/rfc/rfc4861#section-6.2",
        "RFC 1256" "https://www.rfc-editor.org/rfc/rfc1256";
    MLD "packet-mld":
        "Multicast listener discovery: machines tell which IPv6 groups they listen to, or are asked for it, so that \
        routers and bridges know where a group's packets are wanted.",
        see "RFC 3810, section 2" "https://www.rfc-editor.org/rfc/rfc3810#section-2";
    IGMP "packet-igmp":
        "IGMP: machines tell which IPv4 multicast groups they listen to, or are asked for it, so that routers and \
        bridges know where a group's packets are wanted.",
        see "RFC 3376, section 2" "https://www.rfc-editor.org/rfc/rfc3376#section-2";
    ICMP_OTHER "packet-icmp":
        "ICMP carries what machines tell each other about the network itself: errors, tests and announcements. It \
        is part of IP, and has no ports.",
        see "RFC 792" "https://www.rfc-editor.org/rfc/rfc792",
        "RFC 4443" "https://www.rfc-editor.org/rfc/rfc4443";
    ARP_OTHER "packet-arp-other":
        "ARP's format also serves other questions than who has an address, by another operation number. IANA keeps \
        the list.",
        see "RFC 5494" "https://www.rfc-editor.org/rfc/rfc5494";
    LATER_FRAGMENT "packet-fragment":
        "A further piece of a packet that was too long for a link. Ports stand in the first piece only; the \
        receiver puts all together by the number that they share.",
        see "RFC 791, section 2.3" "https://www.rfc-editor.org/rfc/rfc791#section-2.3",
        "RFC 8200, section 4.5" "https://www.rfc-editor.org/rfc/rfc8200#section-4.5";
    OTHER_PROTOCOL "packet-ip-other":
        "IP carries more than TCP, UDP and ICMP: a number in its header says which protocol is inside. IANA keeps \
        the list.",
        see "RFC 791, section 3.1" "https://www.rfc-editor.org/rfc/rfc791#section-3.1",
        "RFC 8200, section 4" "https://www.rfc-editor.org/rfc/rfc8200#section-4";
    OTHER_FRAME "packet-link-other":
        "A frame of the link that carries neither IP nor ARP, or too little of it to be read, so it has MAC \
        addresses only. Its type says what is inside.",
        see "RFC 9542, section 3" "https://www.rfc-editor.org/rfc/rfc9542#section-3";
}
