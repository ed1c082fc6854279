#!/usr/bin/env python3
"""usage: measure.py BRIDGETAP FOLDER SENDER MIDDLE SECONDS RATE...

Sends FOLDER/small.pcap from the namespace SENDER at each RATE while programs watch in MIDDLE; see run.sh.
"""

import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

ROUNDS = int(os.environ.get("ROUNDS", "1"))
TAPS = os.environ.get("TAPS", "port bridge").split()
CORES = os.environ.get("CORES", "own shared").split()
PROGRAMS = os.environ.get("PROGRAMS")
# So that what else the machine does takes no time from the two.
PRIORITY = int(os.environ.get("PRIORITY", "1"))
INTERFACES = {"port": "port0", "bridge": "bridge0"}
READY = re.compile(r"listening on|watching .*Ctrl-C ends")
TCPDUMP = {"captured": r"(\d+) packets? captured", "dropped": r"(\d+) packets? dropped by kernel"}
# What is still on its way from the sender to the tap.
SETTLE = 0.1


def commands(bridgetap):
    """What is run, by its title; the interface goes to the end."""
    watch = [bridgetap, "watch", "--color", "never"]
    return {
        "bridgetap watch": [*watch, "-i"],
        "bridgetap watch --summary": [*watch, "--summary", "-i"],
        "tcpdump -nn -S": ["tcpdump", "-nn", "-S", "-i"],
        "tcpdump -w /dev/null": ["tcpdump", "-w", "/dev/null", "-i"],
    }


def lift(command, core):
    """The command on that core, before everybody else where that is allowed."""
    before = ["chrt", "-r", "10"] if PRIORITY else []
    return ["taskset", "-c", str(core), *before, *command]


class Program:
    """A program that watches."""

    def __init__(self, folder, namespace, command, core):
        environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere", "TZ": "UTC"}
        self.out = open(os.path.join(folder, "out"), "w+b")
        self.said = open(os.path.join(folder, "said"), "w+", encoding="utf-8")
        self.command = command
        self.child = subprocess.Popen(["ip", "netns", "exec", namespace, *lift(command, core)], env=environment,
                                      stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.said)

    def words(self):
        self.said.seek(0)
        return self.said.read()

    def wait_until_ready(self):
        deadline = time.monotonic() + 10
        while not READY.search(self.words()):
            if time.monotonic() > deadline or self.child.poll() is not None:
                sys.exit(f"{self.command} does not watch:\n{self.words()}")
            time.sleep(0.02)

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def end(self):
        """What it counted, and its processor seconds."""
        self.child.send_signal(signal.SIGINT)
        begun = time.monotonic()
        _, status, usage = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - begun
        size = self.out.seek(0, os.SEEK_END)
        self.out.seek(max(0, size - 65_536))
        tail = self.out.read().decode(errors="replace")
        counts = self.counts(tail, self.words())
        if self.child.returncode != 0 or counts is None:
            sys.exit(f"{self.command} ended with {self.child.returncode}:\n{tail[-2000:]}\n{self.words()}")
        self.out.close()
        self.said.close()
        return {**counts, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss / 1024, "ended": took}

    def counts(self, tail, words):
        if self.command[0] == "tcpdump":
            found = {key: re.search(form, words) for key, form in TCPDUMP.items()}
            return {key: int(match[1]) for key, match in found.items()} | {"lost": 0} if all(found.values()) else None
        total = re.search(r"^([\d,]+) packets?, ([\d,]+) dropped by the kernel", tail, re.M)
        lost = re.search(r"^([\d,]+) events? missing above", tail, re.M)
        number = lambda match, at: int(match[at].replace(",", "")) if match else 0
        return total and {"captured": number(total, 1), "dropped": number(total, 2), "lost": number(lost, 1)}


def statistic(namespace, interface, name):
    path = f"/sys/class/net/{interface}/statistics/{name}"
    return int(subprocess.run(["ip", "netns", "exec", namespace, "cat", path], capture_output=True, check=True).stdout)


def once(folder, namespaces, command, tap, rate, seconds, cores):
    """Sends while the program watches. Gives what each says of it."""
    sender, middle = namespaces
    program = Program(folder, middle, [*command, INTERFACES[tap]], cores[1]) if command else None
    try:
        if program:
            program.wait_until_ready()
        before = statistic(middle, "port0", "rx_packets")
        send = ["ip", "netns", "exec", sender, *lift([f"{folder}/send", "cable0", f"{folder}/small.pcap",
                                                       str(rate), str(seconds)], cores[0])]
        words = subprocess.run(send, capture_output=True, text=True, check=True).stdout.split()
        sent, refused, nanos = map(int, words)
        time.sleep(SETTLE)
        received = statistic(middle, "port0", "rx_packets") - before
        run = {"sent": sent, "refused": refused, "rate": sent / nanos * 1e9, "seconds": nanos / 1e9,
               "received": received}
        return run | (program.end() if program else {})
    finally:
        if program:
            program.kill()


def middle_of(runs, key):
    return statistics.median(run[key] for run in runs)


def row(title, tap, core, rate, runs):
    """Prints a line of the table; what does not add up."""
    asked = f"{rate:,}" if rate else "top"
    wrong = [run for run in runs if run["sent"] != run["received"]]
    cells = [title, tap, core, asked, f"{middle_of(runs, 'rate'):,.0f}", f"{sum(run['sent'] for run in runs):,}"]
    if "captured" in runs[0]:
        missing = [run["received"] - run["captured"] for run in runs]
        untold = [run["received"] - run["captured"] - run["dropped"] for run in runs]
        share = statistics.median(run["cpu"] / run["seconds"] for run in runs)
        each = statistics.median(run["cpu"] / run["received"] for run in runs)
        cells += [f"{sum(missing):,}", f"{sum(untold):,}", f"{sum(run['lost'] for run in runs):,}", f"{share:.0%}",
                  f"{each * 1e5:.2%}", f"{middle_of(runs, 'rss'):.0f}", f"{middle_of(runs, 'ended') * 1000:.0f}"]
        if title.startswith("bridgetap") and any(untold):
            wrong += runs
    else:
        cells += [""] * 7
    print("| " + " | ".join(cells) + " |", flush=True)
    return [f"{title}, {tap}, {core}, {asked}: {json.dumps(run)}" for run in wrong]


def leave(*_):
    sys.exit(130)


def main(bridgetap, folder, sender, middle, seconds, *rates):
    signal.signal(signal.SIGTERM, leave)
    allowed = sorted(os.sched_getaffinity(0))
    known = {"nobody": None, **commands(bridgetap)}
    if PROGRAMS:
        known = {title: known[title] for title in PROGRAMS.split(",")}
    print("| program | on the | core | rate asked | packets/s | sent | not followed | of these not counted as dropped | "
          "events missing in the log | of a core | for 100,000/s | peak MiB | ms to end |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    wrong = []
    for rate, core, tap in itertools.product(map(int, rates), CORES, TAPS):
        cores = (allowed[0], allowed[0] if core == "shared" else allowed[-1])
        for title, command in known.items():
            if command is None and (core, tap) != (CORES[0], TAPS[0]):
                continue
            runs = [once(folder, (sender, middle), command, tap, rate, float(seconds), cores) for _ in range(ROUNDS)]
            wrong += row(title, tap, core, rate, runs)
    print(f"\n{os.cpu_count()} cores, load afterwards {os.getloadavg()[0]:.2f}")
    if wrong:
        sys.exit("what does not add up:\n" + "\n".join(wrong))
    print("sent = received = followed and dropped, in every run of bridgetap")


if __name__ == "__main__":
    if len(sys.argv) < 7:
        sys.exit(__doc__)
    main(*sys.argv[1:])
