#!/usr/bin/env python3
"""Writes the packets of a pcap as pcapng: one interface, microseconds, an enhanced packet block each.

usage: pcapng.py IN.pcap OUT.pcapng

IN.pcap is little-endian with microseconds, as generate.py writes it.
"""

import struct
import sys

SECTION = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
CHUNK = 1 << 20


def main(source, target):
    head, block = struct.Struct("<IIII"), struct.Struct("<IIIIIII")
    with open(source, "rb") as pcap, open(target, "wb") as pcapng:
        magic, _, _, _, _, snaplen, link = struct.unpack("<IHHiIII", pcap.read(24))
        if magic != 0xA1B2C3D4:
            sys.exit(f"{source} is not a little-endian pcap with microseconds")
        pcapng.write(SECTION + struct.pack("<IIHHII", 1, 20, link, 0, snaplen, 20))
        rest = b""
        while chunk := pcap.read(CHUNK):
            data, at, parts = rest + chunk, 0, []
            while at + 16 <= len(data):
                seconds, micros, captured, wire = head.unpack_from(data, at)
                if at + 16 + captured > len(data):
                    break
                time = seconds * 1_000_000 + micros
                padding = -captured % 4
                length = 32 + captured + padding
                parts.append(block.pack(6, length, 0, time >> 32, time & 0xFFFFFFFF, captured, wire))
                parts.append(data[at + 16 : at + 16 + captured])
                parts.append(bytes(padding) + length.to_bytes(4, "little"))
                at += 16 + captured
            pcapng.write(b"".join(parts))
            rest = data[at:]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
