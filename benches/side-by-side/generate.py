#!/usr/bin/env python3
"""Writes a capture of packets between containers, and beside it what is in it.

OUT.pcap holds at least PACKETS packets: little-endian pcap, microseconds, Ethernet, correct checksums. The same arguments
give the same bytes. OUT.pcap.truth.json counts what bridgetap should find, OUT.pcap.inspect.json has the names of the
containers, as `docker inspect` gives them. Needs only Python.

kinds:
  small   pings, lookups, TCP connections, UDP flows and ARP; the longest packet has 110 bytes, and every tenth packet
          begins a flow
  large   like what captures of real networks hold: few flows, 0.35 kB a packet
  udp     one datagram after another of --flows flows, in random order, none of which ends
  tcp     --flows connections that are opened and never closed, 3 packets each
"""

import argparse
import json
import struct
from operator import itemgetter

from traffic import SYN, Connection, Traffic

START = 1_750_000_000_000_000  # microseconds since 1970
BATCH = 4000  # transactions between two writes

pack = struct.Struct("<IIII").pack


class Capture:
    """The file that is written."""

    def __init__(self, file):
        self.file, self.packets, self.bytes = file, 0, 0
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))

    def write(self, packets):
        parts = []
        for at, frame in packets:
            length = len(frame)
            parts += (pack(at // 1_000_000, at % 1_000_000, length, length), frame)
            self.bytes += length
        self.file.write(b"".join(parts))
        self.packets += len(packets)


def transactions(traffic, capture, packets, one, apart, batch):
    """Transactions that begin up to twice `apart` microseconds after each other, until there are enough packets."""
    now = START
    while capture.packets + len(traffic.packets) < packets:
        for _ in range(batch):
            now += traffic.random.randrange(2 * apart)
            one(now)
        # What later transactions add is not earlier than `now`.
        traffic.packets.sort(key=itemgetter(0))
        ready = next((n for n, (at, _) in enumerate(traffic.packets) if at > now), len(traffic.packets))
        capture.write(traffic.packets[:ready])
        del traffic.packets[:ready]
    capture.write(traffic.packets)


def datagrams(traffic, capture, packets, flows):
    """Each flow has one frame, which comes again and again."""
    hosts, frames, now = traffic.hosts(), [], START
    for number in range(flows):
        client = hosts[number % len(hosts)]
        server = hosts[(number + 1) % len(hosts)]
        port = client.next_port()
        traffic.udp(0, client, server, (port, 8125 + client.turn), b"requests:1|c")
        frames.append(traffic.packets.pop()[1])
    traffic.flows = flows
    capture.write([(now := now + 1, frame) for frame in frames])
    while capture.packets < packets:
        chosen = traffic.random.choices(frames, k=min(BATCH, packets - capture.packets))
        capture.write([(now := now + 1, frame) for frame in chosen])


def open_connections(traffic, capture, flows):
    hosts, now = traffic.hosts(), START
    for number in range(flows):
        client = hosts[number % len(hosts)]
        connection = Connection(traffic, client, hosts[(number + 1) % len(hosts)])
        connection.segment(now, 0, SYN)
        now = connection.accept(now, 3) + 1
        traffic.tcp["open"] += 1
        if len(traffic.packets) > BATCH:
            capture.write(traffic.packets)
            traffic.packets.clear()
    capture.write(traffic.packets)


def names(traffic):
    """What `docker inspect` says of the networks and their containers, as far as it matters."""
    objects = []
    for number, (gateway, hosts) in enumerate(traffic.networks):
        octet = gateway.address[1]
        network = {"Name": f"shop{octet}", "Id": f"{number + 1:064x}", "Scope": "local", "Driver": "bridge"}
        config = [{"Subnet": f"172.{octet}.0.0/16", "Gateway": gateway.text()}]
        objects.append({**network, "IPAM": {"Driver": "default", "Config": config}, "Containers": {}, "Options": {}})
        for host in hosts:
            mac = ":".join(f"{byte:02x}" for byte in host.mac)
            at = {"NetworkID": network["Id"], "EndpointID": host.mac.hex().rjust(64, "e"), "Gateway": gateway.text()}
            at |= {"IPAddress": host.text(), "IPPrefixLen": 16, "MacAddress": mac}
            objects.append({
                "Id": host.address.hex().rjust(64, "c"),
                "Name": f"/{host.name}",
                "State": {"Status": "running", "Running": True, "Pid": 0},
                "Config": {"Hostname": host.name, "Image": "busybox", "Labels": {}},
                "HostConfig": {"NetworkMode": network["Name"]},
                "NetworkSettings": {"Ports": {}, "Networks": {network["Name"]: at}},
            })
    return objects


def main(out, packets, seed, kind, flows, containers):
    traffic = Traffic(seed, containers)
    with open(out, "wb", buffering=1 << 20) as file:
        capture = Capture(file)
        if kind == "udp":
            datagrams(traffic, capture, packets, flows)
        elif kind == "tcp":
            open_connections(traffic, capture, flows)
        elif kind == "large":
            transactions(traffic, capture, packets, traffic.large, 1000, 500)
        else:
            transactions(traffic, capture, packets, traffic.small, 20, BATCH)
    for what, said in (("truth", traffic.truth(capture.packets, capture.bytes)), ("inspect", names(traffic))):
        with open(f"{out}.{what}.json", "w", encoding="utf-8") as file:
            json.dump(said, file, indent=1)
            file.write("\n")
    print(f"{out}: {capture.packets:,} packets, {capture.bytes:,} bytes", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT.pcap")
    parser.add_argument("packets", metavar="PACKETS", nargs="?", type=int, default=1_000_000)
    parser.add_argument("seed", metavar="SEED", nargs="?", type=int, default=1)
    parser.add_argument("--kind", choices=["small", "large", "udp", "tcp"], default="small")
    parser.add_argument("--flows", type=int, default=1000, help="of the kinds udp and tcp; up to 2,000,000")
    parser.add_argument("--containers", type=int, default=80, help="1 to 1,000, on two networks")
    found = parser.parse_args()
    if not 1 <= found.containers <= 1000:
        parser.error("--containers is 1 to 1,000")
    return vars(found)


if __name__ == "__main__":
    main(**arguments())
