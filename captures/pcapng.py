#!/usr/bin/env python3
"""Joins tcpdump's files of several taps into one pcapng that carries the names of its containers.

Usage: pcapng.py FOLDER OUTPUT.pcapng

FOLDER holds, in the order of their names:
  NN.tap.json    a tap: {"interface", "description", "filter", "network", "network_id", "namespace", "until"};
                 `until` is when it was stopped, in nanoseconds since the epoch, `filter` null for none
  NN.tap.pcap    its packets: what `tcpdump --time-stamp-precision=nano -w` wrote
  NN.tap.log     what tcpdump said; its last lines count what was dropped
  NN.names.json  the Directory from a moment on: what directory.py prints

The format: https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/. One section, little endian. Blocks: section
header; an interface for each tap; the first names; packets by time (then tap, then place in its file) with later
names before the first packet that they are true for; statistics for each tap. Same input, same bytes.
"""

import json
import re
import struct
import sys
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

SECTION_HEADER, INTERFACE, NAMES, STATISTICS, PACKET = 0x0A0D0D0A, 1, 4, 5, 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D
END, COMMENT = 0, 1
SECTION_APPLICATION = 4
IF_NAME, IF_DESCRIPTION, IF_TSRESOL, IF_FILTER = 2, 3, 9, 11
STARTED, ENDED, IF_DROPPED, FILTER_ACCEPTED, OS_DROPPED, DELIVERED = 2, 3, 5, 6, 7, 8
RECORD_END, RECORD_IPV4, RECORD_IPV6 = 0, 1, 2
# An option's length is 16 bits wide.
LONGEST_OPTION = 0xFFFF

PCAP_NANOSECONDS = 0xA1B23C4D


def padded(data):
    """Data, filled up to a multiple of four bytes."""
    return data + bytes(-len(data) % 4)


def item(code, value):
    """An option or a name record: code, length, value."""
    return struct.pack("<HH", code, len(value)) + padded(value)


def options(*pairs):
    """A list of (code, value) options with its end; a value is bytes or text."""
    encoded = ((code, value.encode() if isinstance(value, str) else value) for code, value in pairs)
    return b"".join(item(code, value) for code, value in encoded) + item(END, b"")


def block(kind, body):
    """A block: kind, length, body, length again."""
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def halves(nanoseconds):
    """A time as pcapng has it: the upper 32 bits, then the lower."""
    return struct.pack("<II", nanoseconds >> 32, nanoseconds & 0xFFFFFFFF)


def compact(value):
    """JSON without spaces, and in ASCII, so that it can be cut at any byte."""
    return json.dumps(value, separators=(",", ":"))


class Tap:
    """One place where packets were read, with its file."""

    def __init__(self, description):
        self.about = json.loads(description.read_text())
        data = description.with_suffix(".pcap").read_bytes()
        magic, _, _, _, _, self.snaplen, self.link = struct.unpack_from("<IHHiIII", data)
        if magic != PCAP_NANOSECONDS:
            sys.exit(f"{description}: not a pcap with nanoseconds in this machine's byte order")
        self.packets = list(packets(data))
        self.log = description.with_suffix(".log").read_text()

    def interface_block(self):
        about = self.about
        tap = {"bridgetap_tap": 1, **{key: about[key] for key in ("network", "network_id", "namespace")}}
        pairs = [(COMMENT, compact(tap)), (IF_NAME, about["interface"]), (IF_DESCRIPTION, about["description"]),
                 (IF_TSRESOL, bytes([9]))]
        if about["filter"]:
            # The first byte says that a filter in libpcap's words follows.
            pairs.append((IF_FILTER, b"\0" + about["filter"].encode()))
        return block(INTERFACE, struct.pack("<HHI", self.link, 0, self.snaplen) + options(*pairs))

    def statistics_block(self, number, started):
        ended = self.about["until"]
        pairs = [(STARTED, halves(started)), (ENDED, halves(ended))]
        for code, words in ((IF_DROPPED, "dropped by interface"), (FILTER_ACCEPTED, "received by filter"),
                            (OS_DROPPED, "dropped by kernel"), (DELIVERED, "captured")):
            count = re.search(rf"^(\d+) packets? {words}$", self.log, re.MULTILINE)
            # tcpdump has no line about the interface when that dropped nothing.
            if count or code == IF_DROPPED:
                pairs.append((code, struct.pack("<Q", int(count[1]) if count else 0)))
        return block(STATISTICS, struct.pack("<I", number) + halves(ended) + options(*pairs))


def packets(data):
    """The (time in nanoseconds, length on the wire, bytes) of each packet of a pcap; a cut last one is left out."""
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, captured, length = struct.unpack_from("<IIII", data, at)
        at += 16
        if at + captured > len(data):
            return
        yield seconds * 1_000_000_000 + fraction, length, data[at:at + captured]
        at += captured


def nanoseconds(text):
    """RFC 3339 in UTC with nine digits of fraction, as nanoseconds since the epoch."""
    whole, fraction = text.removesuffix("Z").split(".")
    return int(datetime.fromisoformat(whole + "+00:00").timestamp()) * 1_000_000_000 + int(fraction)


def packet_block(tap, time, length, data):
    """An enhanced packet block."""
    return block(PACKET, struct.pack("<I", tap) + halves(time) + struct.pack("<II", len(data), length) + padded(data))


def names_block(directory):
    """The names for Wireshark, address by address, and the whole Directory for bridgetap in comments."""
    names = [(address, container["name"]) for container in directory["containers"]
             for endpoint in container["endpoints"] for address in endpoint["addresses"]]
    names += [(address, "host") for address in directory["host_addresses"]]
    body = b""
    for address, name in names:
        packed = ip_address(address).packed
        body += item(RECORD_IPV4 if len(packed) == 4 else RECORD_IPV6, packed + name.encode() + b"\0")
    text = compact(directory)
    comments = [(COMMENT, text[at:at + LONGEST_OPTION]) for at in range(0, len(text), LONGEST_OPTION)]
    return block(NAMES, body + item(RECORD_END, b"") + options(*comments))


def join(folder):
    """The bytes of the pcapng."""
    taps = [Tap(path) for path in sorted(folder.glob("*.tap.json"))]
    directories = [json.loads(path.read_text()) for path in sorted(folder.glob("*.names.json"))]
    header = struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, -1)
    yield block(SECTION_HEADER, header + options((SECTION_APPLICATION, "bridgetap captures/record.sh")))
    for tap in taps:
        yield tap.interface_block()
    first, *later = directories
    yield names_block(first)
    timed = [(time, 1, number, place, packet_block(number, time, length, data))
             for number, tap in enumerate(taps) for place, (time, length, data) in enumerate(tap.packets)]
    timed += [(nanoseconds(each["at"]), 0, 0, place, names_block(each)) for place, each in enumerate(later)]
    for *_, encoded in sorted(timed):
        yield encoded
    for number, tap in enumerate(taps):
        yield tap.statistics_block(number, nanoseconds(first["at"]))


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(b"".join(join(Path(sys.argv[1]))))
