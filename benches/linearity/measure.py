#!/usr/bin/env python3
"""Measures what a packet costs as packets, flows and containers become more; prints a table and draws a chart.

A cost that grows linearly with the packets is a level line here. Each figure is processor time, user and system, of one
core; the commands run in turn, ROUNDS times. The peak of memory is the table's last column.
"""

import argparse
import os
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

import chart

sys.path.insert(0, str(Path(__file__).parent.parent / "side-by-side"))
import measure as side_by_side  # noqa: E402, the folder above is not a package
import truth  # noqa: E402

GENERATE = Path(side_by_side.__file__).parent / "generate.py"
FORMS = {"summary": ["--summary"], "log": []}


@dataclass
class Point:
    """A capture, and what it took to follow it."""

    series: str
    number: int
    capture: Path
    arguments: list
    options: list
    packets: int = 0
    seconds: dict = field(default_factory=lambda: {form: [] for form in FORMS})
    memory: float = 0

    def nanoseconds(self, form):
        return statistics.median(self.seconds[form]) / self.packets * 1e9


def points(folder, options):
    """Every point of the three lines."""
    listed = []
    for packets in options.packets:
        # The ten million of benches/side-by-side are the same.
        name = "small" if packets == 10_000_000 else f"packets-{packets}"
        listed.append(Point("packets", packets, folder / f"{name}.pcap", [packets], []))
    for flows in options.flows:
        arguments = [options.datagrams, "--kind", "udp", "--flows", flows]
        # A table of the same size for each: what differs is how much of it is used.
        limit = ["--max-flows", str(max(options.flows) + 1)]
        listed.append(Point("flows", flows, folder / f"flows-{flows}.pcap", arguments, limit))
    for containers in options.containers:
        capture = folder / f"containers-{containers}.pcap"
        arguments = [options.among_containers, "--containers", containers]
        listed.append(Point("containers", containers, capture, arguments, ["--docker-inspect", f"{capture}.inspect.json"]))
    return listed


def measure(program, listed, rounds):
    threads = side_by_side.threads_option(program, 1)
    for point in listed:
        found, wrong = truth.check(program, point.capture, [*threads, *point.options])
        if wrong:
            sys.exit("\n".join([f"{point.capture}: bridgetap differs from the truth:", *wrong]))
        point.packets = found["packets"]
    for _ in range(rounds):
        for point in listed:
            for form, flags in FORMS.items():
                used, _, memory = side_by_side.run([program, "replay", *threads, *flags, *point.options, point.capture])
                point.seconds[form].append(used)
                point.memory = max(point.memory, memory)


def table(listed):
    lines = ["| | packets | `--summary`: CPU s | ns a packet | log: CPU s | ns a packet | peak RSS, MiB |",
             "|---|---:|---:|---:|---:|---:|---:|"]
    for point in listed:
        took = " | ".join(f"{statistics.median(point.seconds[form]):.2f} | {point.nanoseconds(form):,.0f}" for form in FORMS)
        what = point.series if point.number > 1 else point.series.rstrip("s")
        lines.append(f"| {point.number:,} {what} | {point.packets:,} | {took} | {point.memory:,.0f} |")
    return "\n".join(lines)


def draw(listed, path):
    titles = {"packets": "more packets", "flows": "more flows, {:,} packets", "containers": "more containers, {:,} packets"}
    panels = []
    for series, title in titles.items():
        chosen = [point for point in listed if point.series == series]
        lines = {form: [(point.number, point.nanoseconds(form)) for point in chosen] for form in FORMS}
        panels.append(chart.Panel(title.format(chosen[0].packets), series, lines))
    path.write_text(chart.svg("What a packet costs", "ns a packet", panels), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bridgetap", metavar="BRIDGETAP")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="for the captures; those that are there are used again")
    parser.add_argument("svg", metavar="OUT.svg", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hundred", action="store_true", help="100 million packets too")
    parser.add_argument("--packets", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--flows", type=int, nargs="+", default=[10, 100, 1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--datagrams", type=int, default=4_000_000, help="packets of each number of flows")
    parser.add_argument("--containers", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--among-containers", type=int, default=1_000_000, help="packets of each number of containers")
    options = parser.parse_args()
    if options.hundred:
        options.packets.append(100_000_000)
    listed = points(options.folder, options)
    side_by_side.make([(point.capture, lambda part, point=point: [GENERATE, part, *point.arguments]) for point in listed])
    print(side_by_side.machine([]), f"{options.rounds} rounds, load before {os.getloadavg()[0]:.1f}\n", sep="; ")
    measure(options.bridgetap, listed, options.rounds)
    draw(listed, options.svg)
    print(f"![What a packet costs](images/{options.svg.name})\n\n{table(listed)}")


if __name__ == "__main__":
    main()
