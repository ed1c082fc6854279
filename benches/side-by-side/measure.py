#!/usr/bin/env python3
"""Runs readers of capture files side by side on one core and prints how long each took.

usage: measure.py BRIDGETAP CAPTURE [ROUNDS [TSHARK_ROUNDS]]

First compares what bridgetap finds in CAPTURE with CAPTURE.truth.json and fails where they differ. Then runs every
command in turn, ROUNDS times (5; tshark 2), so that a disturbance meets all alike. What is compared is processor time,
user and system: on a quiet machine it is the time on the clock, on a busy one the clock also counts what others did.
Needs taskset and GNU time, and tcpdump and tshark to compare with; whichever of the two is missing is left out, and
that is said.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

CORE = "1"


def commands(bridgetap, capture):
    """(what it is called, command, environment, peer that it is compared with)"""
    # Without -Z a tcpdump of root reads as the user tcpdump, who may not be allowed to.
    tcpdump = ["tcpdump", "-Z", "root"]
    utc = {"TZ": "UTC"}
    listed = [
        ("tcpdump -nn -r", [*tcpdump, "-nn", "-r", capture], {}, None),
        ("TZ=UTC tcpdump -nn -S -r", [*tcpdump, "-nn", "-S", "-r", capture], utc, None),
        ("tcpdump -w /dev/null -r", [*tcpdump, "-w", "/dev/null", "-r", capture], {}, None),
        ("tshark -n -r", ["tshark", "-n", "-r", capture], {}, None),
        ("tshark -n -T ek -r", ["tshark", "-n", "-T", "ek", "-r", capture], {}, None),
        ("bridgetap replay", [bridgetap, "replay", capture], {}, "TZ=UTC tcpdump -nn -S -r"),
        ("bridgetap replay --summary", [bridgetap, "replay", "--summary", capture], {}, "tcpdump -w /dev/null -r"),
        ("bridgetap replay --packets", [bridgetap, "replay", "--packets", capture], {}, "TZ=UTC tcpdump -nn -S -r"),
        ("bridgetap replay --json", [bridgetap, "replay", "--json", capture], {}, "tshark -n -T ek -r"),
    ]
    for tool in ("tcpdump", "tshark"):
        if shutil.which(tool) is None:
            print(f"{tool} is not installed: left out")
            listed = [row for row in listed if row[1][0] != tool]
    return listed


def run(command, environment):
    """Seconds of the processor and of the clock that a command took, and its peak memory in MiB."""
    # GNU time starts small: the peak of a child counts from what its parent had.
    whole = ["taskset", "-c", CORE, "/usr/bin/time", "-q", "-f", "%M", *command]
    started, used = time.perf_counter(), processor_time()
    done = subprocess.run(whole, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, check=False)
    used, took = processor_time() - used, time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return used, took, int(done.stderr.split()[-1]) / 1024


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(listed, rounds, tshark_rounds):
    taken = {name: ([], [], []) for name, *_ in listed}
    for turn in range(rounds):
        for name, command, environment, _ in listed:
            if command[0] == "tshark" and turn >= tshark_rounds:
                continue
            for figures, figure in zip(taken[name], run(command, environment), strict=True):
                figures.append(figure)
    return taken


def table(listed, taken, packets):
    print("| command | CPU s: median (min–max) | on the clock | packets/CPU s | peak RSS, MiB | compared with | times |")
    print("|---|---:|---:|---:|---:|---|---:|")
    for name, _, _, peer in listed:
        seconds, clock, memory = taken[name]
        if not seconds:
            continue
        median = statistics.median(seconds)
        span = f"{median:.3f} ({min(seconds):.3f}–{max(seconds):.3f})"
        ran = peer in taken and taken[peer][0]
        ratio = f"{statistics.median(taken[peer][0]) / median:.1f}" if ran else ""
        named = f"`{peer}`" if ran else ""
        rate, clock = f"{packets / median:,.0f}", f"{statistics.median(clock):.3f}"
        print(f"| `{name}` | {span} | {clock} | {rate} | {max(memory):.0f} | {named} | {ratio} |")


def differences(found, truth):
    """What bridgetap's summary says otherwise than the truth, a line each."""
    expected = flat(truth)
    got = flat(found)
    for name, exchanges in found["exchanges"].items():
        # A request that waits when the capture ends has no answer in it either.
        got[f"exchanges.{name}.unanswered"] = exchanges["unanswered"] + exchanges["waiting"]
    for zero in ["malformed", "events_lost", "evicted_flows", "evicted_pending", "tcp.before_capture", "tcp.failed",
                 "udp.failed"]:
        expected[zero] = 0
    for name, value in expected.items():
        if name.endswith("median_between"):
            low, high = value
            median = got.get(name.replace("median_between", "median"))
            # The histogram keeps three digits.
            if median is None or not low * 0.999 <= median <= high * 1.001:
                yield f"{name}: {median}, should be {value}"
        elif got.get(name) != value:
            yield f"{name}: {got.get(name)}, should be {value}"
    if unknown := set(found["exchanges"]) - set(truth["exchanges"]):
        yield f"exchanges of {unknown}, of which there is none"
    if found["passed_over"]:
        yield f"passed over: {found['passed_over']}, of which there is none"


def flat(tree, prefix=""):
    flattened = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flattened |= flat(value, f"{prefix}{key}.")
        else:
            flattened[f"{prefix}{key}"] = value
    return flattened


def check(bridgetap, capture):
    with open(f"{capture}.truth.json", encoding="utf-8") as file:
        truth = json.load(file)
    output = subprocess.run([bridgetap, "replay", "--json", "--summary", capture], capture_output=True, check=True)
    wrong = list(differences(json.loads(output.stdout), truth))
    if wrong:
        sys.exit("\n".join(["bridgetap's summary differs from the truth:", *wrong]))
    print(f"bridgetap's summary agrees with the truth: {len(flat(truth))} figures")
    return truth["packets"]


def main(bridgetap, capture, rounds=5, tshark_rounds=2):
    packets = check(bridgetap, capture)
    listed = commands(bridgetap, capture)
    taken = measure(listed, int(rounds), int(tshark_rounds))
    load = os.getloadavg()[0]
    size = os.path.getsize(capture) / 2**20
    print(f"{packets:,} packets, {size:.0f} MiB; core {CORE} of {os.cpu_count()}, load afterwards {load:.2f}\n")
    table(listed, taken, packets)


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
