#!/usr/bin/env python3
"""Records the same packets with several programs and prints what each of them lost and what it cost.

usage: measure.py BRIDGETAP FOLDER PACKETS ROUNDS RATE...

Run by run.sh, which makes the namespaces and FOLDER/small.pcap. At each RATE (packets a second; 0: as fast as it goes)
PACKETS packets are sent once for all programs at the same time that are compared so, and once for each program by
itself; all of that ROUNDS times, so that a disturbance meets all alike. A program's file is counted by capinfos, what
was dropped is what the program said, and both are compared with what the bridge's port received. What a program cost
is its processor time, user and system, from its start to its end.
"""

import os
import re
import signal
import statistics
import struct
import subprocess
import sys
import time

SENDER, CABLE = os.environ["BT_SENDER"], os.environ["BT_CABLE"]
RECEIVER, PORT, BRIDGE = os.environ["BT_RECEIVER"], os.environ["BT_PORT"], os.environ["BT_BRIDGE"]
# Within this time what was sent is in every ring, and most of it out again.
SETTLE = 1.0
READY = re.compile(r"^bridgetap: (?:watching|recording)|^File: |listening on", re.MULTILINE)
DUMPCAP_DROPPED = re.compile(r"received/dropped on interface '[^']*': \d+/(\d+)")
DROPPED = re.compile(r"([\d,]+) (?:packets )?dropped by (?:the )?kernel")


def commands(bridgetap):
    """By what it is called: the command, without the file."""
    record = [bridgetap, "record", f"if:{BRIDGE}", "-w"]
    # Without -Z a tcpdump of root writes as the user tcpdump, who may not be allowed to.
    tcpdump = ["tcpdump", "-Z", "root", "-i", BRIDGE]
    return {
        "dumpcap": ["dumpcap", "-q", "-i", BRIDGE, "-w"],
        "dumpcap -B 32": ["dumpcap", "-q", "-B", "32", "-i", BRIDGE, "-w"],
        "tcpdump": [*tcpdump, "-w"],
        "bridgetap record": record,
        "bridgetap record -B 2048": [*record[:-1], "-B", "2048", "-w"],
        "bridgetap record --print": [*record[:-1], "--print", "-w"],
    }


TOGETHER = ["dumpcap", "bridgetap record"]


class Recorder:
    """A program that records."""

    def __init__(self, folder, name, command):
        self.name = name
        self.file = os.path.join(folder, name.replace(" ", "_") + ".pcapng")
        # No daemon is asked: there are no containers.
        environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere"}
        self.said = open(f"{self.file}.said", "w+", encoding="utf-8")
        self.child = subprocess.Popen(["ip", "netns", "exec", RECEIVER, *command, self.file], env=environment,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.said)

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def words(self):
        self.said.seek(0)
        return self.said.read()

    def wait_until_ready(self):
        deadline = time.monotonic() + 10
        while not READY.search(self.words()):
            if time.monotonic() > deadline or self.child.poll() is not None:
                sys.exit(f"{self.name} does not record:\n{self.words()}")
            time.sleep(0.02)

    def end(self):
        """Packets in the file, those dropped by its own word, those by its file, and processor seconds."""
        self.child.send_signal(signal.SIGINT)
        _, status, usage = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        words = self.words()
        count, in_file = packets_in(self.file), dropped_by_file(self.file)
        said = DUMPCAP_DROPPED.search(words) or DROPPED.search(words)
        # With --print it is said in the summary, which goes where the log goes.
        dropped = int(said[1].replace(",", "")) if said else in_file
        if self.child.returncode != 0 or dropped is None:
            sys.exit(f"{self.name} ended with {self.child.returncode}:\n{words}")
        self.said.close()
        os.remove(self.file)
        return count, dropped, in_file, usage.ru_utime + usage.ru_stime


def packets_in(file):
    command = ["capinfos", "-c", "-M", "-r", "-T", file]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def dropped_by_file(file):
    """What the statistics at the end of a pcapng file say; nothing for another format."""
    with open(file, "rb") as opened:
        if opened.read(4) != b"\x0a\x0d\x0d\x0a":
            return None
        opened.seek(-4, os.SEEK_END)
        length = struct.unpack("<I", opened.read(4))[0]
        opened.seek(-length, os.SEEK_END)
        block = opened.read(length)
    if struct.unpack_from("<I", block)[0] != 5:
        return None
    at, dropped = 20, 0
    while at + 4 <= length - 4:
        code, size = struct.unpack_from("<HH", block, at)
        # What the kernel dropped is isb_ifdrop by dumpcap, and isb_osdrop by bridgetap.
        if code in (5, 7) and size == 8:
            dropped += struct.unpack_from("<Q", block, at + 4)[0]
        at += 4 + size + -size % 4
    return dropped


def received():
    path = f"/sys/class/net/{PORT}/statistics/rx_packets"
    return int(subprocess.run(["ip", "netns", "exec", RECEIVER, "cat", path], capture_output=True, check=True).stdout)


def send(capture, packets, rate):
    """Sends them. Gives how many there were a second."""
    pace = [f"--pps={rate}"] if rate else ["--topspeed"]
    command = ["ip", "netns", "exec", SENDER, "tcpreplay", "-q", "-K", *pace, "-L", str(packets), "-i", CABLE, capture]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(re.search(r"([\d.]+) pps", words)[1])


def once(folder, listed, packets, rate):
    """By the program: what was sent and kept, in one go."""
    recorders = [Recorder(folder, name, command) for name, command in listed]
    try:
        for recorder in recorders:
            recorder.wait_until_ready()
        before = received()
        pace = send(os.path.join(folder, "small.pcap"), packets, rate)
        time.sleep(SETTLE)
        sent = received() - before
        return {recorder.name: (pace, sent, *recorder.end()) for recorder in recorders}
    finally:
        for recorder in recorders:
            recorder.kill()


def span(numbers, form=","):
    low, middle, high = min(numbers), statistics.median(numbers), max(numbers)
    return f"{middle:{form}}" if low == high else f"{middle:{form}} ({low:{form}}–{high:{form}})"


def row(title, rate, runs):
    paces, sent, kept, dropped, by_file, seconds = zip(*runs, strict=True)
    missing = [a - b for a, b in zip(sent, kept, strict=True)]
    unexplained = [a - b for a, b in zip(missing, dropped, strict=True)]
    files = [a for a in by_file if a is not None]
    agrees = "no such block" if not files else "yes" if list(files) == list(dropped) else f"no: {files}"
    asked = f"{rate:,}" if rate else "top"
    cells = [asked, f"{statistics.median(paces):,.0f}", title, span(sent, ",.0f"), span(missing, ",.0f"),
             span(dropped, ",.0f"), span(unexplained, ",.0f"), agrees, span(seconds, ".2f")]
    print("| " + " | ".join(cells) + " |", flush=True)


def leave(*_):
    sys.exit(130)


def main(bridgetap, folder, packets, rounds, *rates):
    # So that what runs is ended, too.
    signal.signal(signal.SIGTERM, leave)
    known = commands(bridgetap)
    runs = {}
    for _ in range(int(rounds)):
        for rate in map(int, rates):
            for name, run in once(folder, [(name, known[name]) for name in TOGETHER], packets, rate).items():
                runs.setdefault((rate, f"`{name}`, together"), []).append(run)
            for name, command in known.items():
                runs.setdefault((rate, f"`{name}`"), []).append(once(folder, [(name, command)], packets, rate)[name])
    print(f"{rounds} rounds, {os.cpu_count()} cores, load afterwards {os.getloadavg()[0]:.2f}\n")
    print("| rate | packets/s | program | reached the bridge | missing in the file | dropped, by its own word | "
          "neither | its statistics agree | CPU s |")
    print("|---:|---:|---|---:|---:|---:|---:|---|---:|")
    for (rate, title), of_program in sorted(runs.items(), key=lambda item: [int(r) for r in rates].index(item[0][0])):
        row(title, rate, of_program)


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
