#!/usr/bin/env python3
"""Writes a large capture of real packets: the Ethernet captures of folders, one among the other, again and again.

usage: interleave.py OUT.pcap BYTES FOLDER...

Takes every pcap and pcapng below the folders, and of each at most four megabytes. Each begins at a moment of its own in a
minute; silences are cut to half a second. When all are over they begin anew, later, until OUT.pcap has BYTES: little-endian
pcap, microseconds. Files that are damaged give what is before the damage. There is no truth beside it: what to
expect of real packets is what other tools say.

    interleave.py mixed.pcap 1000000000 captures "$BRIDGETAP_CORPUS"
"""

import random
import struct
import sys
from pathlib import Path

ETHERNET = 1
MOST_OF_A_FILE = 4_000_000
MOST_OF_A_PACKET = 262_144
SILENCE = 500_000  # microseconds, as all times here
MINUTE = 60_000_000
START = 1_750_000_000_000_000
# The magic numbers of pcap: byte order, and how many units a microsecond has.
MAGIC = {b"\xd4\xc3\xb2\xa1": ("<", 1), b"\xa1\xb2\xc3\xd4": (">", 1), b"\x4d\x3c\xb2\xa1": ("<", 1000),
         b"\xa1\xb2\x3c\x4d": (">", 1000)}
SECTION = 0x0A0D0D0A


def packets(data):
    """(microseconds, bytes, length on the wire) of every Ethernet packet of a file."""
    if data[:4] in MAGIC:
        return of_pcap(data, *MAGIC[data[:4]])
    return of_pcapng(data) if data[:4] == SECTION.to_bytes(4, "big") else iter(())


def of_pcap(data, order, units):
    header = struct.Struct(f"{order}IIII")
    if len(data) < 24 or struct.unpack_from(f"{order}I", data, 20)[0] & 0xFFFF != ETHERNET:
        return
    at = 24
    while at + header.size <= len(data):
        seconds, fraction, captured, wire = header.unpack_from(data, at)
        at += header.size
        if not 0 < captured <= min(MOST_OF_A_PACKET, len(data) - at):
            return
        yield seconds * 1_000_000 + fraction // units, data[at : at + captured], wire
        at += captured


def of_pcapng(data):
    at, order, interfaces = 0, "<", []
    while at + 12 <= len(data):
        if data[at : at + 4] == SECTION.to_bytes(4, "big"):
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        kind, length = struct.unpack_from(f"{order}II", data, at)
        if length < 12 or at + length > len(data):
            return
        body = data[at + 8 : at + length - 4]
        if kind == 1 and len(body) >= 8:
            interfaces.append((struct.unpack_from(f"{order}H", body)[0], resolution(body[8:], order)))
        elif kind == 6 and len(body) >= 20:
            number, high, low, captured, wire = struct.unpack_from(f"{order}IIIII", body)
            if number >= len(interfaces) or not 0 < captured <= min(MOST_OF_A_PACKET, len(body) - 20):
                return
            link, second = interfaces[number]
            if link == ETHERNET:
                yield (high << 32 | low) * 1_000_000 // second, body[20 : 20 + captured], wire
        at += length


def resolution(options, order):
    """Units a second, by the option if_tsresol."""
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(f"{order}HH", options, at)
        if code == 0:
            break
        if code == 9 and length >= 1 and at + 4 < len(options):
            value = options[at + 4]
            return 2 ** (value & 127) if value & 128 else 10**value
        at += 4 + length + -length % 4
    return 1_000_000


def once(paths, chance):
    """The packets of all files, each file's from a moment of its own on."""
    listed, used = [], 0
    for path in paths:
        now, before, size = chance.randrange(MINUTE), None, 0
        for at, data, wire in packets(path.read_bytes()):
            now += min(max(at - before, 0), SILENCE) if before is not None else 0
            before = at
            listed.append((now, data, max(wire, len(data))))
            size += len(data)
            if size > MOST_OF_A_FILE:
                break
        used += size > 0
    listed.sort(key=lambda packet: packet[0])
    return listed, used


def main(out, size, *folders):
    paths = sorted(path for folder in folders for path in Path(folder).rglob("*") if path.is_file())
    listed, used = once(paths, random.Random(1))
    if not listed:
        sys.exit(f"no Ethernet capture in {', '.join(folders)}")
    written = count = 0
    start, period = START, listed[-1][0] + 1_000_000
    header = struct.Struct("<IIII")
    with open(out, "wb") as file:
        written += file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, MOST_OF_A_PACKET, ETHERNET))
        while written < int(size):
            parts = []
            for at, data, wire in listed:
                parts += (header.pack(*divmod(start + at, 1_000_000), len(data), wire), data)
            written += file.write(b"".join(parts))
            count += len(listed)
            start += period
    print(f"{out}: {count:,} packets of {used:,} files, {written:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
