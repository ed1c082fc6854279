//! TCP connections and UDP flows, from their beginning to their end.

topics! {
    OPEN "tcp-open":
        "A TCP connection opens in three steps: SYN, SYN-ACK, ACK. With them both ends agree where they begin to \
        count the bytes of each direction; the kernels do it, before the programs send.",
        see "RFC 9293, section 3.5" "https://www.rfc-editor.org/rfc/rfc9293#section-3.5",
        "tcp(7)" "https://man7.org/linux/man-pages/man7/tcp.7.html";
    SYN_AGAIN "tcp-syn-again":
        "The SYN was sent more than once before the connection opened: no answer had reached the client in time, \
        which at first is one second.",
        see "RFC 6298, section 2" "https://www.rfc-editor.org/rfc/rfc6298#section-2",
        "tcp(7)" "https://man7.org/linux/man-pages/man7/tcp.7.html";
    BEFORE_CAPTURE "tcp-before-capture":
        "This connection's first packet here is no SYN, so its opening was not seen. Which of the ends is the \
        server is guessed, mostly by the lower port.",
        see "RFC 6335, section 6" "https://www.rfc-editor.org/rfc/rfc6335#section-6";
    CLOSED "tcp-closed":
        "Each end says with FIN that it has nothing more to send, and the other acknowledges it. The connection is \
        closed when both have done so.",
        see "RFC 9293, section 3.6" "https://www.rfc-editor.org/rfc/rfc9293#section-3.6";
    RESET "tcp-reset":
        "One end broke the connection off with RST, instead of closing it with FIN. A program that closes with data \
        unread does that, and a kernel that does not know the connection.",
        see "RFC 9293, section 3.5.2" "https://www.rfc-editor.org/rfc/rfc9293#section-3.5.2",
        "RFC 1122, section 4.2.2.13" "https://www.rfc-editor.org/rfc/rfc1122#section-4.2.2.13";
    REFUSED "tcp-refused":
        "A kernel answers a SYN with RST where no program listens on that address and port. The machine is there; \
        the program is not, or listens elsewhere. Some firewalls say it, too.",
        see "RFC 9293, section 3.5.2" "https://www.rfc-editor.org/rfc/rfc9293#section-3.5.2",
        "connect(2), ECONNREFUSED" "https://man7.org/linux/man-pages/man2/connect.2.html";
    LOOPBACK_ONLY "listens-on-loopback":
        "A usual cause: a program that listens on 127.0.0.1 inside its container can be reached from there alone. \
        For others, it has to listen on the container's address or on 0.0.0.0.",
        see "Docker: Port publishing" "https://docs.docker.com/engine/network/port-publishing/",
        "ip(7)" "https://man7.org/linux/man-pages/man7/ip.7.html";
    UNANSWERED "tcp-unanswered":
        "Nothing came back for the SYN, not even a refusal: something drops it or its answer, or the machine is \
        away. The client tries again, after a second at first and less often later on.",
        see "RFC 6298, section 2" "https://www.rfc-editor.org/rfc/rfc6298#section-2",
        "tcp(7), tcp_syn_retries" "https://man7.org/linux/man-pages/man7/tcp.7.html";
    HALF_OPEN "tcp-half-open":
        "The server answered the SYN, but no acknowledgement of it was seen, so the connection is not open: the \
        SYN-ACK was lost, the client has gone, or it never meant to open it, as in a scan.",
        see "RFC 4987, section 2" "https://www.rfc-editor.org/rfc/rfc4987#section-2";
    STILL_OPEN "tcp-still-open":
        "The connection was open when the capture ended, as connections that are kept for further requests are. It \
        is no failure.",
        see "RFC 9293, section 3.3.2" "https://www.rfc-editor.org/rfc/rfc9293#section-3.3.2";
    REPLACED "tcp-replaced":
        "A new connection began with the same addresses and ports, so the one before it must be gone; its end was \
        not seen.",
        see "RFC 9293, section 3.3.1" "https://www.rfc-editor.org/rfc/rfc9293#section-3.3.1";
    RETRANSMITTED "tcp-retransmitted":
        "Segments were sent again, since no acknowledgement came for them in time or later ones came without them: \
        a packet was lost, or late, or its receiver was away.",
        see "RFC 9293, section 3.8.1" "https://www.rfc-editor.org/rfc/rfc9293#section-3.8.1",
        "RFC 5681, section 3.2" "https://www.rfc-editor.org/rfc/rfc5681#section-3.2";
    OUT_OF_ORDER "tcp-out-of-order":
        "Some segments came here after later ones: they took another way, or overtook each other in a queue. The \
        receiver puts them in order again.",
        see "RFC 9293, section 3.10.7.4" "https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4",
        "RFC 5681, section 4.2" "https://www.rfc-editor.org/rfc/rfc5681#section-4.2";
    ZERO_WINDOW "tcp-zero-window":
        "One end said that it has no room for more (window 0): its program reads slower than the other sends, and \
        the other waits until there is room.",
        see "RFC 9293, section 3.8.6" "https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6";
    UDP_BEGAN "udp-first":
        "UDP has no opening: the first datagram between two ports is all there is to see of a beginning, and \
        nothing says whether the other end wants it.",
        see "RFC 768" "https://www.rfc-editor.org/rfc/rfc768",
        "udp(7)" "https://man7.org/linux/man-pages/man7/udp.7.html";
    UDP_ENDED "udp-ended":
        "UDP has no end either: after 30 s without a datagram the log takes the flow for ended, as Linux' \
        connection tracking does where nothing came back.",
        see "nf_conntrack, nf_conntrack_udp_timeout" "https://docs.kernel.org/networking/nf_conntrack-sysctl.html";
    UDP_STILL_OPEN "udp-still-open":
        "The latest datagram between these ports is less than 30 s old, so more may come: what was seen until the \
        capture ended is summed up here.",
        see "udp(7)" "https://man7.org/linux/man-pages/man7/udp.7.html";
}
