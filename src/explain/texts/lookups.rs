//! DNS and its kin: who has which name.

topics! {
    A "dns-a":
        "Before a program can reach a name, it needs an address: this lookup asks a DNS server for the IPv4 \
        addresses of the name (type A).",
        see "RFC 1034, section 5" "https://www.rfc-editor.org/rfc/rfc1034#section-5",
        "resolv.conf(5)" "https://man7.org/linux/man-pages/man5/resolv.conf.5.html";
    AAAA "dns-aaaa":
        "AAAA asks for the IPv6 addresses of a name, as A asks for the IPv4 ones. Most programs can use either, so \
        their resolver asks for both.",
        see "RFC 3596, section 2.1" "https://www.rfc-editor.org/rfc/rfc3596#section-2.1",
        "getaddrinfo(3)" "https://man7.org/linux/man-pages/man3/getaddrinfo.3.html";
    PTR "dns-ptr":
        "PTR asks the other way round, for the name of an address. The address stands in the question, backwards, \
        in front of in-addr.arpa or ip6.arpa.",
        see "RFC 1035, section 3.5" "https://www.rfc-editor.org/rfc/rfc1035#section-3.5",
        "RFC 3596, section 2.5" "https://www.rfc-editor.org/rfc/rfc3596#section-2.5";
    OTHER_TYPE "dns-other-type":
        "DNS keeps more than addresses under a name: this lookup asks for records of another type, such as MX for \
        mail servers, SRV for services or TXT for text.",
        see "RFC 1035, section 3.2" "https://www.rfc-editor.org/rfc/rfc1035#section-3.2";
    DOCKER_DNS "docker-dns":
        "127.0.0.11 is Docker's own name service. The daemon answers there in each container's network namespace: \
        this question stays on the container's loopback interface. What the daemon passes on, it asks anew.",
        see "Docker: DNS services" "https://docs.docker.com/engine/network/#dns-services";
    FORWARDED "dns-forwarded":
        "Docker's name service does not know this name itself: it asked a DNS server that the host or the container \
        is configured with, and passed the answer on.",
        see "Docker: DNS services" "https://docs.docker.com/engine/network/#dns-services";
    NO_RECORD "dns-no-record":
        "No error and no record: the server has nothing of this type for the name. That is not the same as \
        NXDOMAIN, which says that the name does not exist.",
        see "RFC 2308, section 2.2" "https://www.rfc-editor.org/rfc/rfc2308#section-2.2";
    NO_IPV6 "dns-no-ipv6":
        "None of this container's networks has IPv6, which is Docker's default, so its name service has no IPv6 \
        address to give for a container. The IPv4 address is in the answer to A.",
        see "Docker: Use IPv6 networking" "https://docs.docker.com/engine/daemon/ipv6/";
    NXDOMAIN "dns-nxdomain":
        "NXDOMAIN: the name does not exist, with no record of any type. The server that says so knows, or asked \
        those who do.",
        see "RFC 2308, section 2.1" "https://www.rfc-editor.org/rfc/rfc2308#section-2.1",
        "RFC 8020" "https://www.rfc-editor.org/rfc/rfc8020";
    NXDOMAIN_DOCKER "dns-nxdomain-docker":
        "No container on this one's networks has this name or alias: what Docker's name service does not know it \
        passes on, and NXDOMAIN is what the server outside said.",
        see "Docker: DNS services" "https://docs.docker.com/engine/network/#dns-services";
    DEFAULT_BRIDGE "dns-default-bridge":
        "The default bridge has no name service: its containers ask the DNS servers of the host or of --dns, and \
        those know no container. Networks that you create have one.",
        see "Docker: Bridge network driver" "https://docs.docker.com/engine/network/drivers/bridge/",
        "Docker: DNS services" "https://docs.docker.com/engine/network/#dns-services";
    OUTSIDE_SERVER "dns-outside-server":
        "This container has Docker's name service, yet the question went elsewhere: its program asks a server of \
        its own, or Docker's name service passes on here what it does not know.",
        see "Docker: DNS services" "https://docs.docker.com/engine/network/#dns-services";
    SEARCH_DOMAIN "dns-search-domain":
        "A container's name with something behind it that is none of its networks: search and ndots in resolv.conf \
        make a resolver try names with such endings.",
        see "resolv.conf(5)" "https://man7.org/linux/man-pages/man5/resolv.conf.5.html",
        "Docker: DNS services" "https://docs.docker.com/engine/network/#dns-services";
    ALIAS "dns-alias":
        "The name asked for is not the container's own but an alias that it has on this network. Docker's name \
        service answers both; Compose gives each container its service's name as alias.",
        see "Docker: docker run, --network-alias" "https://docs.docker.com/reference/cli/docker/container/run/",
        "Docker: Networking in Compose" "https://docs.docker.com/compose/how-tos/networking/";
    CONTAINER_NETWORK "dns-container-network":
        "Docker's name service also knows a container by its name or alias with a network's name behind it: that \
        says which of its addresses is meant where two share several networks.",
        see "moby: sandbox.go, ResolveName" "https://github.com/moby/moby/blob/v24.0.0/libnetwork/sandbox.go";
    SEVERAL_CONTAINERS "dns-several-containers":
        "Several containers have this name or alias: Docker's name service gives the addresses of all, in random \
        order, so that clients spread over them.",
        see "Docker: docker run, --network-alias" "https://docs.docker.com/reference/cli/docker/container/run/",
        "moby: resolver.go" "https://github.com/moby/moby/blob/v24.0.0/libnetwork/resolver.go";
    SERVFAIL "dns-servfail":
        "SERVFAIL: the server could not find an answer, for example because the servers that it asked did not \
        answer. Whether the name exists is not known.",
        see "RFC 1035, section 4.1.1" "https://www.rfc-editor.org/rfc/rfc1035#section-4.1.1";
    SERVFAIL_DOCKER "dns-servfail-docker":
        "Docker's name service does not know the name itself, and got no useful answer for it from a server \
        outside: they failed or were silent, or there is none that it may ask.",
        see "Docker: DNS services" "https://docs.docker.com/engine/network/#dns-services",
        "moby: resolver.go" "https://github.com/moby/moby/blob/v24.0.0/libnetwork/resolver.go";
    REFUSED "dns-refused":
        "REFUSED: the server will not answer this question, or not for this client, as its administrators have set \
        it up. Whether the name exists is not known.",
        see "RFC 1035, section 4.1.1" "https://www.rfc-editor.org/rfc/rfc1035#section-4.1.1";
    OTHER_CODE "dns-error-code":
        "The answer holds a response code that says what went wrong, in place of records. IANA keeps the list of \
        codes.",
        see "RFC 6895, section 2.3" "https://www.rfc-editor.org/rfc/rfc6895#section-2.3";
    LOOKUP_UNANSWERED "dns-unanswered":
        "No answer within five seconds, which is how long a resolver usually waits before it asks again, or asks \
        the next server of resolv.conf; the program waits with it.",
        see "resolv.conf(5)" "https://man7.org/linux/man-pages/man5/resolv.conf.5.html";
    OVER_TCP "dns-over-tcp":
        "DNS goes over TCP where an answer is too long for a UDP datagram, and wherever a client prefers it; each \
        message has its length in front.",
        see "RFC 7766" "https://www.rfc-editor.org/rfc/rfc7766",
        "RFC 1035, section 4.2.2" "https://www.rfc-editor.org/rfc/rfc1035#section-4.2.2";
    TRUNCATED "dns-truncated":
        "The answer was too long for the datagram and was cut, which its TC flag says: the client is to ask again \
        over TCP.",
        see "RFC 2181, section 9" "https://www.rfc-editor.org/rfc/rfc2181#section-9",
        "RFC 7766, section 5" "https://www.rfc-editor.org/rfc/rfc7766#section-5";
    MDNS "mdns":
        "Multicast DNS asks and answers by a group of the link instead of a server, for names under .local and for \
        services nearby: whoever has the name answers.",
        see "RFC 6762, section 3" "https://www.rfc-editor.org/rfc/rfc6762#section-3";
    LLMNR "llmnr":
        "LLMNR asks all machines of the link for a name, without any DNS server: whoever has the name answers.",
        see "RFC 4795, section 2" "https://www.rfc-editor.org/rfc/rfc4795#section-2";
}
