"""Packets between containers, and what is in them: used by generate.py."""

import random
import struct

DNS_NAMES = ["db", "web", "api", "cache", "queue", "auth.internal", "metrics.prod.svc", "mirror.example.com"]
REQUESTS = [
    (6379, b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
    (6379, b"*2\r\n$3\r\nGET\r\n$8\r\nuser:123\r\n", b"$11\r\nhello world\r\n"),
    (80, b"GET /healthz HTTP/1.1\r\nHost: web\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"),
]
PING_DATA = bytes(range(0x10, 0x38))
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ICMP, TCP, UDP = 1, 6, 17
NETWORKS = (17, 18)
# Addresses of a network from here on belong to nobody.
NOBODY = 0x8000
MSS = 1448
BODY = bytes(range(32, 127)) * 700

pack = struct.pack


def checksum(data):
    """The Internet checksum (RFC 1071): words added with end-around carry are a remainder modulo 65535."""
    if len(data) % 2:
        data += b"\0"
    return 0xFFFF - (int.from_bytes(data, "big") % 0xFFFF or 0xFFFF)


class Host:
    """A container, or a bridge's gateway."""

    def __init__(self, network, number):
        high, low = (0, 1) if number is None else (number // 250, number % 250 + 2)
        self.address = bytes((172, network, high, low))
        self.mac = bytes((2, 0x42)) + self.address
        self.name = f"shop{network}-node-{number}"
        self.port = 32768
        # How often the ports came round.
        self.turn = 0
        self.ip_id = network * 256 + low
        self.neighbours = self.strangers = 0
        # Until when answers of ARP are on their way.
        self.asks_until = -1

    def next_port(self):
        """The ports that Linux gives, in order, so that none comes back soon."""
        if self.port == 60999:
            self.port, self.turn = 32768, self.turn + 1
        else:
            self.port += 1
        return self.port

    def text(self):
        return ".".join(map(str, self.address))


class Answers:
    """The requests of one protocol: how many were answered, and how fast in nanoseconds."""

    def __init__(self):
        self.count = {"answered": 0, "failed": 0, "unanswered": 0}
        self.latencies = []

    def add(self, outcome, micros=None):
        self.count[outcome] += 1
        if micros is not None:
            self.latencies.append(micros * 1000)

    def truth(self):
        return {**self.count, "latency_ns": spread(self.latencies)}


def spread(latencies):
    """The least, the greatest, the two in the middle, between which the median lies, and the sum."""
    ordered = sorted(latencies)
    if not ordered:
        return None
    middle = [ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]]
    return {"min": ordered[0], "median_between": middle, "max": ordered[-1], "sum": sum(ordered)}


class Traffic:
    """Makes packets and counts what they say."""

    def __init__(self, seed, containers=80):
        self.random = random.Random(seed)
        self.packets = []  # (microseconds, frame)
        self.arp, self.ping, self.dns = Answers(), Answers(), Answers()
        self.tcp = dict.fromkeys(["opened", "closed", "reset", "refused", "unanswered", "open", "retransmissions"], 0)
        self.handshakes = []
        self.flows = 0
        self.ping_id = self.dns_id = 0
        first = (containers + 1) // 2
        split = zip(NETWORKS, (first, containers - first), strict=True)
        self.networks = [network(number, size) for number, size in split if size]
        self.names = [b"".join(bytes([len(p)]) + p.encode() for p in n.split(".")) + b"\0" for n in DNS_NAMES]

    def hosts(self):
        return [host for _, hosts in self.networks for host in hosts]

    def delay(self):
        """Microseconds until an answer: mostly tens, now and then thousands."""
        return 18 + int(self.random.lognormvariate(4.0, 1.0))

    def ip(self, at, sender, receiver, protocol, payload):
        sender.ip_id = (sender.ip_id + 1) & 0xFFFF
        head = pack(">BBHHHBB", 0x45, 0, 20 + len(payload), sender.ip_id, 0x4000, 64, protocol)
        ends = sender.address + receiver.address
        head += pack(">H", checksum(head + ends)) + ends
        self.packets.append((at, receiver.mac + sender.mac + b"\x08\0" + head + payload))

    def over_ip(self, at, sender, receiver, protocol, before, after):
        """A packet whose checksum, between `before` and `after`, covers the addresses too (RFC 9293, 3.1)."""
        pseudo = sender.address + receiver.address + pack(">HH", protocol, len(before) + 2 + len(after))
        value = checksum(pseudo + before + b"\0\0" + after) or (0xFFFF if protocol == UDP else 0)
        self.ip(at, sender, receiver, protocol, before + pack(">H", value) + after)

    def udp(self, at, sender, receiver, ports, payload):
        self.over_ip(at, sender, receiver, UDP, pack(">HHH", *ports, 8 + len(payload)), payload)

    def add_arp(self, at, client, neighbours):
        """Asks for each neighbour in turn: the same question again, before its answer, would be one exchange."""
        if self.random.random() < 0.01 or at <= client.asks_until:
            client.strangers += 1
            nobody = client.address[:2] + pack(">H", NOBODY + client.strangers)
            self.arp_question(at, client, nobody)
            return self.arp.add("unanswered")
        server = neighbours[client.neighbours % len(neighbours)]
        client.neighbours += 1
        head = self.arp_question(at, client, server.address)
        delay = 8 + self.random.randrange(30)
        if len(neighbours) == 1:
            client.asks_until = at + delay
        answer = b"\0\2" + server.mac + server.address + client.mac + client.address
        self.packets.append((at + delay, client.mac + server.mac + head + answer))
        return self.arp.add("answered", delay)

    def arp_question(self, at, client, address):
        head = b"\x08\x06\0\1\x08\0\6\4"
        question = b"\0\1" + client.mac + client.address + bytes(6) + address
        self.packets.append((at, b"\xff" * 6 + client.mac + head + question))
        return head

    def add_pings(self, at, client, server):
        self.ping_id = (self.ping_id + 1) & 0xFFFF
        for sequence in range(1, 5):
            data = pack("<QQ", *divmod(at, 1_000_000)) + PING_DATA
            tail = pack(">HH", self.ping_id, sequence) + data
            self.ip(at, client, server, ICMP, b"\x08\0" + pack(">H", checksum(b"\x08\0" + tail)) + tail)
            if self.random.random() < 0.005:
                self.ping.add("unanswered")
            else:
                delay = self.delay()
                self.ip(at + delay, server, client, ICMP, b"\0\0" + pack(">H", checksum(tail)) + tail)
                self.ping.add("answered", delay)
            at += 20_000

    def add_lookups(self, at, client, server):
        name, ports = self.random.choice(self.names), (client.next_port(), 53)
        for kind in (1, 28):
            self.dns_id = (self.dns_id + 1) & 0xFFFF
            question = name + pack(">HH", kind, 1)
            self.udp(at, client, server, ports, pack(">HHHHHH", self.dns_id, 0x0100, 1, 0, 0, 0) + question)
            chance = self.random.random()
            if chance < 0.005:
                self.dns.add("unanswered")
            else:
                # Most answers come from a cache, the others from afar.
                delay = self.delay() * (1 if chance < 0.7 else 40)
                flags, records = (0x8183, []) if chance < 0.03 else (0x8180, self.records(kind, chance))
                head = pack(">HHHHHH", self.dns_id, flags, 1, len(records), 0, 0)
                self.udp(at + delay, server, client, ports[::-1], head + question + b"".join(records))
                self.dns.add("failed" if chance < 0.03 else "answered", delay)
            at += 11

    def records(self, kind, chance):
        last = 2 + self.random.randrange(40)
        if kind == 1:
            record = pack(">HHHIH4s", 0xC00C, 1, 1, 600, 4, bytes((172, 18, 0, last)))
            return [record] * (2 if chance > 0.8 else 1)
        if chance < 0.6:
            return []
        return [pack(">HHHIH16s", 0xC00C, 28, 1, 600, 16, b"\xfd\0\0\x18" + bytes(11) + bytes([last]))]

    def add_flow(self, at, client, server):
        """Datagrams of no protocol that is paired: statsd's."""
        ports = (client.next_port(), 8125 + client.turn)
        for _ in range(3):
            self.udp(at, client, server, ports, b"requests:1|c")
            at += 100
        self.flows += 1

    def add_stream(self, at, client, server):
        """Datagrams full to the brim, one in ten the other way: like HTTP/3."""
        ports = (client.next_port(), 8443 + client.turn)
        for number in range(20 + self.random.randrange(400)):
            if number % 10:
                self.udp(at, server, client, ports[::-1], BODY[:1200])
            else:
                self.udp(at, client, server, ports, BODY[:40])
            at += 30
        self.flows += 1

    def pair(self):
        gateway, hosts = self.random.choice(self.networks)
        client, server = self.random.sample(hosts, 2) if len(hosts) > 1 else (hosts[0], gateway)
        return gateway, hosts, client, server

    def small(self, at):
        """One transaction of small packets, of a kind chosen by weight."""
        gateway, hosts, client, server = self.pair()
        chance = self.random.random()
        if chance < 0.50:
            Connection(self, client, server).play(at)
        elif chance < 0.79:
            self.add_lookups(at, client, gateway)
        elif chance < 0.94:
            self.add_pings(at, client, server)
        elif chance < 0.99:
            self.add_arp(at, client, [host for host in hosts if host is not client] or [gateway])
        else:
            self.add_flow(at, client, server)

    def large(self, at):
        """One transaction of few flows with many bytes."""
        gateway, hosts, client, server = self.pair()
        chance = self.random.random()
        if chance < 0.68:
            Download(self, client, server).play(at)
        elif chance < 0.80:
            self.add_lookups(at, client, gateway)
        elif chance < 0.84:
            self.add_pings(at, client, server)
        elif chance < 0.88:
            self.add_arp(at, client, [host for host in hosts if host is not client] or [gateway])
        elif chance < 0.96:
            Connection(self, client, server).play(at)
        else:
            self.add_stream(at, client, server)

    def truth(self, packets, size):
        exchanges = {"arp": self.arp.truth(), "ping": self.ping.truth(), "dns": self.dns.truth()}
        exchanges = {name: answers for name, answers in exchanges.items() if any(answers.values())}
        tcp = {**self.tcp, "handshake_ns": spread(self.handshakes)}
        return {"packets": packets, "bytes": size, "exchanges": exchanges, "tcp": tcp, "udp": {"flows": self.flows}}


def network(number, size):
    return Host(number, None), [Host(number, host) for host in range(size)]


class Connection:
    """A TCP connection: SYN, one or two requests, the end. Some go wrong."""

    def __init__(self, traffic, client, server):
        self.traffic, self.random = traffic, traffic.random
        self.ends = (client, server)
        port, self.request, self.answer = self.random.choice(REQUESTS)
        own = client.next_port()
        self.ports = (own, port + client.turn)
        # What each end sends next.
        self.sequence = [self.random.getrandbits(32), self.random.getrandbits(32)]

    def segment(self, at, side, flags, data=b"", options=True):
        """A segment from the client (0) or the server (1)."""
        other = 1 - side
        stamps = pack(">II", at // 1000 & 0xFFFFFFFF, 7 if flags & ACK else 0)
        if flags & SYN:
            extra = b"\x02\x04\x05\xb4\x04\x02\x08\x0a" + stamps + b"\x01\x03\x03\x07"
        else:
            extra = b"\x01\x01\x08\x0a" + stamps if options else b""
        acknowledged = self.sequence[other] if flags & ACK else 0
        head = pack(">HHIIBBH", self.ports[side], self.ports[other], self.sequence[side], acknowledged,
                    (20 + len(extra)) << 2, flags, 64240 if flags & SYN else 502)
        sender, receiver = self.ends[side], self.ends[other]
        self.traffic.over_ip(at, sender, receiver, TCP, head, b"\0\0" + extra + data)
        self.sequence[side] = (self.sequence[side] + len(data) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF

    def again(self, at, side, flags, data=b""):
        """The latest segment once more."""
        self.sequence[side] = (self.sequence[side] - len(data) - bool(flags & (SYN | FIN))) & 0xFFFFFFFF
        self.segment(at, side, flags, data)
        self.traffic.tcp["retransmissions"] += 1

    def play(self, at):
        tcp, chance = self.traffic.tcp, self.random.random()
        self.segment(at, 0, SYN)
        if chance < 0.003:
            tcp["unanswered"] += 1
            self.again(at + 1_000_000, 0, SYN)
            self.again(at + 3_000_000, 0, SYN)
            return
        delay = self.traffic.delay()
        if chance < 0.013:
            tcp["refused"] += 1
            self.sequence[1] = 0
            self.segment(at + delay, 1, RST | ACK, options=False)
            return
        self.end(self.talk(self.accept(at, delay)), chance)

    def accept(self, at, delay):
        """The rest of the handshake, `delay` after its SYN."""
        at += delay
        self.segment(at, 1, SYN | ACK)
        at += 8
        self.segment(at, 0, ACK)
        self.traffic.tcp["opened"] += 1
        self.traffic.handshakes.append((delay + 8) * 1000)
        return at

    def talk(self, at):
        for _ in range(1 + (self.random.random() < 0.3)):
            at = self.ask(at)
        return at

    def ask(self, at):
        """A request and its answer; one request in two hundred is sent twice."""
        at += 25
        self.segment(at, 0, PSH | ACK, self.request)
        if self.random.random() < 0.005:
            at += 200_000
            self.again(at, 0, PSH | ACK, self.request)
        delay = self.traffic.delay()
        self.segment(at + delay // 2, 1, ACK)
        at += delay
        self.segment(at, 1, PSH | ACK, self.answer)
        at += 7
        self.segment(at, 0, ACK)
        return at

    def end(self, at, chance):
        tcp = self.traffic.tcp
        if chance > 0.995:
            tcp["open"] += 1
            return
        if chance > 0.99:
            tcp["reset"] += 1
            self.segment(at + 30, 1, RST | ACK, options=False)
            return
        tcp["closed"] += 1
        at += 30
        self.segment(at, 0, FIN | ACK)
        at += self.traffic.delay()
        self.segment(at, 1, FIN | ACK)
        self.segment(at + 6, 0, ACK)


class Download(Connection):
    """A connection with some tens of requests, whose answers fill segments; most segments are acknowledged in pairs."""

    def talk(self, at):
        for _ in range(5 + self.random.randrange(70)):
            at = self.fetch(at + 40)
        return at

    def fetch(self, at):
        request = BODY[: 40 + int(self.random.expovariate(1 / 60))]
        self.segment(at, 0, PSH | ACK, request)
        delay = self.traffic.delay()
        self.segment(at + delay // 2, 1, ACK)
        at += delay
        size = min(int(self.random.lognormvariate(5.0, 1.9)), 60_000)
        for number, start in enumerate(range(0, size + 1, MSS)):
            last = start + MSS > size
            self.segment(at, 1, PSH | ACK if last else ACK, BODY[start : min(start + MSS, size)] or b"\n")
            at += 12
            if last or number % 2:
                self.segment(at, 0, ACK)
                at += 2
        return at
