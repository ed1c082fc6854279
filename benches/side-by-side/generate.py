#!/usr/bin/env python3
"""Writes a capture of small packets between containers, and beside it what is in it.

usage: generate.py OUT.pcap [PACKETS [SEED]]

OUT.pcap holds at least PACKETS packets (a million, unless told otherwise) of pings, DNS lookups, TCP connections, UDP
flows and ARP between 80 containers on two bridges: little-endian pcap, microseconds, Ethernet, correct checksums. The
same PACKETS and SEED give the same bytes. OUT.pcap.truth.json counts what bridgetap should find. Needs only Python.
"""

import json
import random
import struct
import sys
from operator import itemgetter

START = 1_750_000_000_000_000  # microseconds since 1970
BATCH = 4000  # transactions between two writes
DNS_NAMES = ["db", "web", "api", "cache", "queue", "auth.internal", "metrics.prod.svc", "mirror.example.com"]
REQUESTS = [
    (6379, b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
    (6379, b"*2\r\n$3\r\nGET\r\n$8\r\nuser:123\r\n", b"$11\r\nhello world\r\n"),
    (80, b"GET /healthz HTTP/1.1\r\nHost: web\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"),
]
PING_DATA = bytes(range(0x10, 0x38))
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ICMP, TCP, UDP = 1, 6, 17

pack = struct.pack


def checksum(data):
    """The Internet checksum (RFC 1071): words added with end-around carry are a remainder modulo 65535."""
    if len(data) % 2:
        data += b"\0"
    return 0xFFFF - (int.from_bytes(data, "big") % 0xFFFF or 0xFFFF)


class Host:
    """A container, or a bridge's gateway."""

    def __init__(self, network, number, mac):
        self.address = bytes((172, network, 0, number))
        self.mac = mac
        self.port = 32768
        self.ip_id = network * 256 + number
        self.neighbours = self.strangers = 0

    def next_port(self):
        """The ports that Linux gives, in order, so that none comes back soon."""
        self.port = self.port + 1 if self.port < 60999 else 32768
        return self.port


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
    """The least, the greatest, and the two in the middle, between which the median lies."""
    ordered = sorted(latencies)
    if not ordered:
        return None
    middle = [ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]]
    return {"min": ordered[0], "median_between": middle, "max": ordered[-1]}


class Traffic:
    """Makes packets and counts what they say."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.packets = []  # (microseconds, frame)
        self.arp, self.ping, self.dns = Answers(), Answers(), Answers()
        self.tcp = dict.fromkeys(["opened", "closed", "reset", "refused", "unanswered", "open", "retransmissions"], 0)
        self.handshakes = []
        self.flows = 0
        self.ping_id = self.dns_id = 0
        self.networks = [self.network(17), self.network(18)]
        self.names = [b"".join(bytes([len(p)]) + p.encode() for p in n.split(".")) + b"\0" for n in DNS_NAMES]

    def network(self, number):
        def host(last):
            return Host(number, last, bytes((2, 0x42, 0xAC, number, 0, last)))

        return host(1), [host(last) for last in range(2, 42)]

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

    def add_arp(self, at, client, hosts):
        """Asks for each neighbour in turn: the same question again, before its answer, would be one exchange."""
        if self.random.random() < 0.01:
            client.strangers += 1
            nobody = client.address[:2] + pack(">H", 256 + client.strangers)
            self.arp_question(at, client, nobody)
            return self.arp.add("unanswered")
        others = [host for host in hosts if host is not client]
        server = others[client.neighbours % len(others)]
        client.neighbours += 1
        head = self.arp_question(at, client, server.address)
        delay = 8 + self.random.randrange(30)
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
        port = client.next_port()
        for _ in range(3):
            self.udp(at, client, server, (port, 8125), b"requests:1|c")
            at += 100
        self.flows += 1

    def add_connection(self, at, client, server):
        Connection(self, client, server).play(at)

    def one(self, at):
        """One transaction, of a kind chosen by weight."""
        gateway, hosts = self.random.choice(self.networks)
        client, server = self.random.sample(hosts, 2)
        chance = self.random.random()
        if chance < 0.50:
            self.add_connection(at, client, server)
        elif chance < 0.79:
            self.add_lookups(at, client, gateway)
        elif chance < 0.94:
            self.add_pings(at, client, server)
        elif chance < 0.99:
            self.add_arp(at, client, hosts)
        else:
            self.add_flow(at, client, server)

    def truth(self, packets, size):
        exchanges = {"arp": self.arp.truth(), "ping": self.ping.truth(), "dns": self.dns.truth()}
        tcp = {**self.tcp, "handshake_ns": spread(self.handshakes)}
        return {"packets": packets, "bytes": size, "exchanges": exchanges, "tcp": tcp, "udp": {"flows": self.flows}}


class Connection:
    """A TCP connection: SYN, one or two requests, the end. Some go wrong."""

    def __init__(self, traffic, client, server):
        self.traffic, self.random = traffic, traffic.random
        self.ends = (client, server)
        port, self.request, self.answer = self.random.choice(REQUESTS)
        self.ports = (client.next_port(), port)
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
        at += delay
        self.segment(at, 1, SYN | ACK)
        at += 8
        self.segment(at, 0, ACK)
        tcp["opened"] += 1
        self.traffic.handshakes.append((delay + 8) * 1000)
        for _ in range(1 + (self.random.random() < 0.3)):
            at = self.ask(at)
        self.end(at, chance)

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


class Capture:
    """The file that is written."""

    def __init__(self, file):
        self.file, self.packets, self.bytes = file, 0, 0
        file.write(pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))

    def write(self, packets):
        parts = []
        for at, frame in packets:
            length = len(frame)
            parts += (pack("<IIII", at // 1_000_000, at % 1_000_000, length, length), frame)
            self.bytes += length
        self.file.write(b"".join(parts))
        self.packets += len(packets)


def main(path, packets=1_000_000, seed=1):
    traffic = Traffic(int(seed))
    with open(path, "wb") as file:
        capture, now = Capture(file), START
        while capture.packets + len(traffic.packets) < int(packets):
            for _ in range(BATCH):
                now += traffic.random.randrange(40)
                traffic.one(now)
            # What later transactions add is not earlier than `now`.
            traffic.packets.sort(key=itemgetter(0))
            ready = next((n for n, (at, _) in enumerate(traffic.packets) if at > now), len(traffic.packets))
            capture.write(traffic.packets[:ready])
            del traffic.packets[:ready]
        capture.write(traffic.packets)
    with open(f"{path}.truth.json", "w", encoding="utf-8") as file:
        json.dump(traffic.truth(capture.packets, capture.bytes), file, indent=1)
        file.write("\n")
    print(f"{path}: {capture.packets} packets, {capture.bytes} bytes")


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
