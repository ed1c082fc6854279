#!/usr/bin/env python3
"""Runs readers of capture files side by side and prints how long each took, as tables for docs/performance.md.

First compares what bridgetap finds with what the generator put in, and fails where they differ. Then runs every command
in turn, ROUNDS times, so that a disturbance meets all alike. What is compared is processor time, user and system, on one
core; where bridgetap has two, the time on the clock. Needs taskset, GNU time and a C compiler with libpcap; of tcpdump,
tshark and softflowd those that are missing are left out, and that is said.
"""

import argparse
import datetime
import functools
import os
import platform
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import truth

HERE = Path(__file__).parent
CORES = sorted(os.sched_getaffinity(0))
MIB = 1 << 20
TCPDUMP = "`TZ=UTC tcpdump -nn -S`"
COPY = "`tcpdump -w /dev/null`"
FLOWS = "`softflowd`"
EK = "`tshark -T ek`"


@dataclass
class Row:
    """A command, and what it is compared with."""

    name: str
    command: list
    packets: int
    # (name of the other row, how many times as fast this one is to be)
    peers: list = field(default_factory=list)
    rounds: int = 1_000_000
    cores: int = 1
    # Seconds that the program takes without any packet, which a slice would count too often.
    start: float = 0.0
    processor: list = field(default_factory=list)
    clock: list = field(default_factory=list)
    memory: list = field(default_factory=list)

    def seconds(self):
        measured = self.clock if self.cores > 1 else self.processor
        return [max(taken - self.start, 1e-9) for taken in measured]

    def per_packet(self):
        return [taken / self.packets for taken in self.seconds()]


class Failed(Exception):
    """A command ended with an error, which is in the message."""


def run(command, cores=1):
    """Seconds of the processor and of the clock that a command took, and its peak memory in MiB."""
    allowed = ",".join(map(str, CORES[-cores:]))
    # GNU time starts small: the peak of a child counts from what its parent had.
    whole = ["taskset", "-c", allowed, "/usr/bin/time", "-q", "-f", "%M", *command]
    started, used = time.perf_counter(), processor_time()
    done = subprocess.run(whole, env={**os.environ, "TZ": "UTC"}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, errors="replace", check=False)
    used, took = processor_time() - used, time.perf_counter() - started
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} failed ({done.returncode}):\n{done.stderr[-2000:]}")
    return used, took, int(done.stderr.split()[-1]) / 1024


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@functools.cache
def threads_option(program, cores):
    """The option that makes bridgetap use so many cores; none where it has none, and uses one."""
    help_text = subprocess.run([program, "replay", "--help"], capture_output=True, text=True, check=True).stdout
    return ["--threads", str(cores)] if "--threads" in help_text else []


class Bench:
    """The files, the programs, and how often they run."""

    def __init__(self, options):
        self.program = options.bridgetap
        self.rounds, self.folder = options.rounds, Path(options.folder)
        self.options, self.tables = options, []
        self.threads = bool(threads_option(self.program, 1))
        self.loop = self.folder / "pcap_loop"
        subprocess.run(["cc", "-O2", HERE / "pcap_loop.c", "-o", self.loop, "-lpcap"], check=True)
        # Where softflowd's records go: nobody reads them, and nobody refuses them.
        self.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sink.bind(("127.0.0.1", 0))

    def bridgetap(self, capture, *options, cores=1):
        return [self.program, "replay", *threads_option(self.program, cores), *options, capture]

    def softflowd(self, capture, *options):
        port = self.sink.getsockname()[1]
        files = ["-p", self.folder / "softflowd.pid", "-c", self.folder / "softflowd.ctl"]
        return ["softflowd", "-d", *files, "-n", f"127.0.0.1:{port}", *options, "-r", capture]

    def rows(self, capture, packets, goals):
        """goals: (summary/copy, summary/softflowd, log, packets, json), the times that are asked for."""
        few = max(1, self.rounds // 2)
        # Without -Z a tcpdump of root reads as the user tcpdump, who may not be allowed to.
        tcpdump = ["tcpdump", "-Z", "root"]
        # A slice is enough for tshark, which takes 5 µs a packet, and 80 for JSON.
        slices = [(count, self.slice(capture, count)) for count in (1, self.options.tshark, self.options.ek)]
        (_, one), (many, slice_many), (some, slice_some) = slices
        tshark = ["tshark", "-n", "-r"]
        peers = [
            Row("empty libpcap loop", [self.loop, capture], packets),
            Row(COPY, [*tcpdump, "-w", "/dev/null", "-r", capture], packets),
            Row(TCPDUMP, [*tcpdump, "-nn", "-S", "-r", capture], packets),
            Row("`TZ=UTC tcpdump -nn`", [*tcpdump, "-nn", "-r", capture], packets, rounds=1),
            Row(FLOWS, self.softflowd(capture), packets, rounds=few),
            Row("`softflowd -m 2000000`", self.softflowd(capture, "-m", "2000000"), packets, rounds=1),
            Row(f"`tshark -n`, {min(many, packets):,} packets", [*tshark, slice_many], min(many, packets), rounds=few),
            Row(EK, ["tshark", "-n", "-T", "ek", "-r", slice_some], min(some, packets), rounds=few),
        ]
        peers = [row for row in peers if row.command[0] == self.loop or shutil.which(row.command[0])]
        for row in peers:
            if row.command[0] == "tshark":
                row.start = statistics.median(run([*row.command[:-1], one])[0] for _ in range(3))
        forms = [
            ("--summary", [(COPY, goals[0]), (FLOWS, goals[1])]),
            (None, [(TCPDUMP, goals[2])]),
            ("--packets", [(TCPDUMP, goals[3])]),
            ("--json", [(EK, goals[4])]),
        ]
        own = []
        for option, compared in forms:
            name = f"bridgetap replay {option or ''}".strip()
            options = [option] if option else []
            own.append(Row(f"`{name}`", self.bridgetap(capture, *options), packets, compared))
            if self.threads and len(CORES) > 1:
                two = self.bridgetap(capture, *options, cores=2)
                own.append(Row(f"`{name} --threads 2`", two, packets, [(f"`{name}`", 1.5)], cores=2))
        return peers + own

    def slice(self, capture, count):
        """The first packets of a capture, as a file."""
        path = self.folder / f"{Path(capture).stem}-{count}.pcap"
        if not path.exists():
            copy_slice(capture, path, count)
        return path

    def check(self, capture):
        for cores in [1, 2] if self.threads else [1]:
            found, wrong = truth.check(self.program, capture, threads_option(self.program, cores))
            if wrong:
                sys.exit("\n".join([f"{capture}: bridgetap differs from the truth:", *wrong]))
        print(f"{Path(capture).name}: summary and log agree with the truth: {len(truth.flat(found))} figures", flush=True)
        return found["packets"]

    def measure(self, title, capture, packets, goals):
        listed = self.rows(capture, packets, goals)
        beside = self.folder / f"{Path(capture).stem}.pcapng"
        if beside.exists():
            summary = self.bridgetap(beside, "--summary")
            listed.append(Row("the same of pcapng", summary, packets, [("`bridgetap replay --summary`", 1 / 1.15)]))
        before = os.getloadavg()[0]
        for turn in range(self.rounds):
            for row in listed:
                if turn < row.rounds:
                    self.once(row)
        listed = [row for row in listed if row.processor]
        size = os.path.getsize(capture) / MIB
        print(f"\n### {title}\n\n{packets:,} packets, {size:,.0f} MiB, {self.rounds} rounds; load before {before:.1f}\n")
        print(table(listed), flush=True)

    def once(self, row):
        try:
            measured = run(row.command, row.cores)
        except Failed as failed:
            # Packets made to break programs break some.
            if row.command[0] == self.program:
                raise
            row.rounds = 0
            print(f"left out: {failed}", file=sys.stderr)
            return
        for figures, figure in zip((row.processor, row.clock, row.memory), measured, strict=True):
            figures.append(figure)

    def count(self, capture):
        """How many packets a capture without truth has, by libpcap."""
        return int(subprocess.run([self.loop, capture], capture_output=True, text=True, check=True).stdout.split()[0])

    def many_flows(self, capture, flows):
        command = self.bridgetap(capture, "--summary", "--max-flows", str(flows + 1))
        used, _, memory = run(command)
        packets = 3 * flows
        print(f"\n{flows:,} TCP connections open at once (`--max-flows {flows + 1}`): peak RSS {memory:,.0f} MiB, "
              f"{used / packets * 1e9:,.0f} ns a packet", flush=True)


def table(listed):
    by_name = {row.name: row for row in listed}
    lines = ["| command | cores | seconds: median (min–max) | ns a packet | peak RSS, MiB | times as fast: median (min–max) |"
             " goal |", "|---|---:|---:|---:|---:|---|---:|"]
    for row in listed:
        seconds, each = row.seconds(), statistics.median(row.per_packet()) * 1e9
        figures = f"{statistics.median(seconds):.3f} ({min(seconds):.3f}–{max(seconds):.3f})"
        compared = [(by_name[peer], goal) for peer, goal in row.peers if peer in by_name] or [(None, None)]
        for number, (peer, goal) in enumerate(compared):
            start = f"{row.name} | {row.cores} | {figures} | {each:,.0f} | {max(row.memory):,.0f}" if number == 0 else \
                " | | | | "
            ratio = f"{against(row, peer)} {peer.name}" if peer else ""
            lines.append(f"| {start} | {ratio} | {f'{goal:.2g}' if goal else ''} |")
    return "\n".join(lines)


def against(row, peer):
    """How many times as fast a row is as another; round by round, and the other's again where it had fewer."""
    mine, its = row.per_packet(), peer.per_packet()
    if row.cores > peer.cores:
        its = [taken / peer.packets for taken in peer.clock]
    ratios = [its[turn % len(its)] / taken for turn, taken in enumerate(mine)]
    median = statistics.median(its) / statistics.median(mine)
    return f"{median:.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def copy_slice(capture, path, count):
    """The first `count` packets of a little-endian pcap."""
    with open(capture, "rb") as source, open(path, "wb") as slice_:
        slice_.write(source.read(24))
        for _ in range(count):
            head = source.read(16)
            if len(head) < 16:
                break
            slice_.write(head + source.read(int.from_bytes(head[8:12], "little")))


def machine(peers=("tcpdump", "tshark", "softflowd")):
    """What it is measured on and with."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
                  if line.startswith("model name")), platform.machine())
    said = [f"{datetime.date.today()}: {model}, {len(CORES)} cores, Linux {platform.release()}"]
    for peer in (*peers, "rustc"):
        if shutil.which(peer) is None:
            said.append(f"{peer} is not installed" + ("" if peer == "rustc" else ": left out"))
            continue
        help_ = "-h" if peer == "softflowd" else "--version"
        done = subprocess.run([peer, help_], capture_output=True, text=True, errors="replace", check=False)
        version = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
        said.append(f"{peer} {version[0] if version else ''}".strip())
    return "; ".join(said)


def make(jobs):
    """Writes files that are missing, two at a time, each to another name first."""
    def one(job):
        path, command = job
        if path.exists():
            return
        part = path.with_name(f"{path.stem}.part{path.suffix}")
        subprocess.run([sys.executable, *map(str, command(part))], stdout=sys.stderr, check=True)
        for made in sorted(path.parent.glob(f"{part.name}*"), reverse=True):
            made.rename(made.with_name(made.name.replace(".part", "", 1)))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, jobs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bridgetap", metavar="BRIDGETAP")
    parser.add_argument("folder", metavar="FOLDER", help="for the captures; those that are there are used again")
    parser.add_argument("--packets", type=int, default=10_000_000, help="of the small capture; a third of it large ones")
    parser.add_argument("--flows", type=int, default=970_000, help="connections that are open at once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tshark", type=int, default=1_000_000, help="packets of the slice for tshark")
    parser.add_argument("--ek", type=int, default=50_000, help="packets of the slice for tshark -T ek")
    parser.add_argument("--corpus", metavar="FOLDER", help="of captures, for a third file of real packets")
    options = parser.parse_args()
    bench = Bench(options)
    small, large, flows = (bench.folder / f"{name}.pcap" for name in ("small", "large", "flows"))
    generate = HERE / "generate.py"
    make([
        (small, lambda part: [generate, part, options.packets]),
        (large, lambda part: [generate, part, options.packets * 31 // 100, "--kind", "large"]),
        (flows, lambda part: [generate, part, "--kind", "tcp", "--flows", options.flows]),
    ])
    make([(path.with_suffix(".pcapng"), lambda part, path=path: [HERE / "pcapng.py", path, part])
          for path in (small, large)])
    print(machine())
    counts = [bench.check(capture) for capture in (small, large)]
    bench.measure("Small packets", small, counts[0], (1, 4, 6, 6, 30))
    bench.measure("Large packets, few flows", large, counts[1], (1.5, 3, 10, 8, 50))
    if options.corpus:
        mixed = bench.folder / "mixed.pcap"
        size = options.packets * 107
        make([(mixed, lambda part: [HERE / "interleave.py", part, size, HERE.parents[1] / "captures", options.corpus])])
        bench.measure("Real packets, one capture among the other", mixed, bench.count(mixed), (1.5, 3, 10, 8, 50))
    bench.many_flows(flows, options.flows)


if __name__ == "__main__":
    main()
