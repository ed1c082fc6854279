//! What Docker makes of addresses and ports: published ports, the host, gateways, tunnels.

topics! {
    DNAT "published-dnat":
        "The client asked for a published port of the host. The host's kernel wrote the container's address and \
        port in place of its own (DNAT), and turns it back in the answers.",
        see "Docker: Port publishing" "https://docs.docker.com/engine/network/port-publishing/";
    DOCKER_PROXY "published-docker-proxy":
        "docker-proxy, a program of the host, took this at the published port and sends it on from a socket of its \
        own: so the container sees the gateway's address as the client's.",
        see "Docker: dockerd, --userland-proxy" "https://docs.docker.com/reference/cli/dockerd/",
        "Docker: Port publishing" "https://docs.docker.com/engine/network/port-publishing/";
    PUBLISHED "published-perhaps":
        "This port of the container is published on the host, and the client is no container: it may have come \
        through the published port. What is seen here does not tell.",
        see "Docker: Port publishing" "https://docs.docker.com/engine/network/port-publishing/";
    HAIRPIN "published-to-container":
        "Here a container uses a published port: its packets go out to the host and from there to a container. \
        Where both share a network, the container's name and own port are the direct way.",
        see "Docker: Published ports" "https://docs.docker.com/engine/network/#published-ports";
    HOST_CLIENT "host-as-client":
        "The client has the gateway's address of its network, which is the host's own. Mostly it is a program of \
        the host: one that you started, or docker-proxy in place of a client of a published port.",
        see "Docker: dockerd, --userland-proxy" "https://docs.docker.com/reference/cli/dockerd/",
        "Docker: Networking overview" "https://docs.docker.com/engine/network/";
    HOST_SERVER "host-as-server":
        "The server has the gateway's address of a bridge network, which is the host's own: a container reaches \
        there what the host offers, published ports among it.",
        see "Docker: Networking overview" "https://docs.docker.com/engine/network/";
    HOST_END "packet-host":
        "One end has the gateway's address of a bridge network, which is the host's own: mostly a program of the \
        host sends this or gets it, docker-proxy for example.",
        see "Docker: Networking overview" "https://docs.docker.com/engine/network/";
    HOST_ADDRESS "host-address":
        "One of these addresses is the host's own, of one of its network interfaces. The host is the machine that \
        the containers run on.",
        see "Docker: Networking overview" "https://docs.docker.com/engine/network/";
    LOCALHOST "localhost":
        "Addresses of 127.0.0.0/8, and ::1, are for a machine to talk to itself: this never leaves the host. Each \
        container has such addresses of its own, so its localhost is not the host's.",
        see "RFC 1122, section 3.2.1.3" "https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3",
        "RFC 4291, section 2.5.3" "https://www.rfc-editor.org/rfc/rfc4291#section-2.5.3";
    LOOPBACK_INSIDE "container-loopback":
        "The container talks to itself, on the loopback interface of its own network namespace: no other container \
        sees it, nor the host's localhost.",
        see "RFC 1122, section 3.2.1.3" "https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3",
        "network_namespaces(7)" "https://man7.org/linux/man-pages/man7/network_namespaces.7.html";
    HOST_NETWORK "host-network":
        "This container is on the host's network: it has no address of its own and uses the host's, so it is known \
        here by the socket of its process.",
        see "Docker: Host network driver" "https://docs.docker.com/engine/network/drivers/host/";
    OTHER_GATEWAY "gateway-outside":
        "On a network that is no bridge of Docker's, the gateway is not the host: on macvlan and ipvlan it is \
        mostly a router of the physical network.",
        see "Docker: Macvlan network driver" "https://docs.docker.com/engine/network/drivers/macvlan/";
    VXLAN "vxlan":
        "This crossed the wire between two machines inside of VXLAN: the frame of an overlay network, packed in \
        UDP, with a number (VNI) that says of which network it is.",
        see "RFC 7348, section 4" "https://www.rfc-editor.org/rfc/rfc7348#section-4",
        "Docker: Overlay network driver" "https://docs.docker.com/engine/network/drivers/overlay/";
    LINK_LOCAL "ipv6-link-local":
        "Addresses of fe80::/10 are link-local: every interface with IPv6 gives itself one, without Docker, and it \
        is good on its own link only.",
        see "RFC 4291, section 2.5.6" "https://www.rfc-editor.org/rfc/rfc4291#section-2.5.6",
        "RFC 4862, section 5.3" "https://www.rfc-editor.org/rfc/rfc4862#section-5.3";
    MULTICAST "multicast":
        "The receiver is a group, not a machine: everybody who has joined it gets the packet.",
        see "RFC 1112, section 4" "https://www.rfc-editor.org/rfc/rfc1112#section-4",
        "RFC 4291, section 2.7" "https://www.rfc-editor.org/rfc/rfc4291#section-2.7";
    BROADCAST "broadcast":
        "The receiver is a broadcast address: everybody on the network gets the packet, whether they want it or \
        not.",
        see "RFC 919, section 7" "https://www.rfc-editor.org/rfc/rfc919#section-7";
}
