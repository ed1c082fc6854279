//! ARP and neighbour discovery: who on this link has an address.

topics! {
    ARP "arp":
        "To send a packet on its own network, a machine needs the MAC address of the receiver. ARP asks who has the \
        IPv4 address; the answer is remembered for the packets that follow.",
        see "RFC 826" "https://www.rfc-editor.org/rfc/rfc826",
        "arp(7)" "https://man7.org/linux/man-pages/man7/arp.7.html";
    GATEWAY_ASKED "next-hop-gateway":
        "The address asked for is the network's gateway: what is for the gateway itself, or for an address outside \
        of this network, is sent to the gateway's MAC address.",
        see "RFC 1122, section 3.3.1.1" "https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.1",
        "Docker: Networking overview" "https://docs.docker.com/engine/network/#connecting-to-multiple-networks";
    FROM_HOST "asked-by-host":
        "The host itself asks here, with the gateway's address of this network: it has a packet for this address, \
        from a program of its own such as docker-proxy, or one that it forwards.",
        see "Docker: Bridge network driver" "https://docs.docker.com/engine/network/drivers/bridge/",
        "RFC 826" "https://www.rfc-editor.org/rfc/rfc826";
    ARP_CHECK "arp-check":
        "This request goes to one MAC address and not to all: its sender knows the answer already, and checks that \
        it still holds. Linux does so some seconds after it used an entry that had become stale.",
        see "RFC 1122, section 2.3.2.1" "https://www.rfc-editor.org/rfc/rfc1122#section-2.3.2.1",
        "arp(7)" "https://man7.org/linux/man-pages/man7/arp.7.html";
    CHECK_UNANSWERED "neighbour-check-unanswered":
        "The sender knew a MAC address and checked it, and nobody answered. After three tries, a second apart, \
        Linux drops the entry; the next packet makes it ask anew, then all.",
        see "RFC 4861, section 7.3" "https://www.rfc-editor.org/rfc/rfc4861#section-7.3",
        "arp(7)" "https://man7.org/linux/man-pages/man7/arp.7.html";
    ARP_UNANSWERED "arp-unanswered":
        "Nobody answered for this address, so there is no MAC address to send to. After three tries, a second \
        apart, Linux gives up and tells the program: No route to host.",
        see "arp(7)" "https://man7.org/linux/man-pages/man7/arp.7.html",
        "RFC 1122, section 2.3.2" "https://www.rfc-editor.org/rfc/rfc1122#section-2.3.2";
    ARP_ANNOUNCEMENT "arp-announcement":
        "A gratuitous ARP: the sender names its own address without being asked, so that all who remember another \
        MAC address for it correct what they know.",
        see "RFC 5227, section 3" "https://www.rfc-editor.org/rfc/rfc5227#section-3",
        "RFC 826" "https://www.rfc-editor.org/rfc/rfc826";
    ARP_PROBE "arp-probe":
        "Before a machine uses an address, it may ask whether anybody has it. It leaves its own address empty, so \
        that nobody remembers it yet, and silence is the good answer.",
        see "RFC 5227, section 2.1" "https://www.rfc-editor.org/rfc/rfc5227#section-2.1";
    ND "nd":
        "IPv6 does with ICMPv6 what IPv4 does with ARP: a neighbour solicitation asks for the MAC address of an \
        IPv6 address on the same link, and a neighbour advertisement answers.",
        see "RFC 4861, section 7.2" "https://www.rfc-editor.org/rfc/rfc4861#section-7.2";
    ND_CHECK "nd-check":
        "This solicitation goes to one machine and not to a group: its sender knows the MAC address already, and \
        checks that the neighbour can still be reached.",
        see "RFC 4861, section 7.3" "https://www.rfc-editor.org/rfc/rfc4861#section-7.3";
    ND_UNANSWERED "nd-unanswered":
        "Nobody answered for this IPv6 address, so there is no MAC address to send to. After three tries, a second \
        apart, the sender gives up: the address is unreachable.",
        see "RFC 4861, section 7.2.2" "https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2";
    ND_ANNOUNCEMENT "nd-announcement":
        "A neighbour advertisement that answers no question for a MAC address: it says what is new, or that an \
        address is taken which somebody else wanted to use.",
        see "RFC 4861, section 7.2.6" "https://www.rfc-editor.org/rfc/rfc4861#section-7.2.6",
        "RFC 4861, section 7.2.4" "https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4";
    DUPLICATE_ADDRESS_DETECTION "duplicate-address-detection":
        "Before a machine uses an IPv6 address, it asks whether anybody has it. It asks from ::, since it may not \
        use the address yet, and silence is the good answer.",
        see "RFC 4862, section 5.4" "https://www.rfc-editor.org/rfc/rfc4862#section-5.4";
}
