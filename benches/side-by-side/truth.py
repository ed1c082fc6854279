"""Does bridgetap find exactly what the generator put in? Used by measure.py, and by itself:

usage: truth.py BRIDGETAP CAPTURE [OPTION...]

Compares the summary and the log of `bridgetap replay --json OPTION... CAPTURE` with CAPTURE.truth.json: every count of
either, the least, the greatest and the sum of all times exactly, medians within the 0.1 % that the histogram promises.
"""

import json
import re
import subprocess
import sys
from collections import Counter

# In bytes, because a log of ten million packets has two gigabytes.
EVENT = re.compile(rb'"kind":"(arp|ping|dns|tcp|udp)","outcome":"?(\w+)"?[^\n]*?"latency_ns":(null|\d+)')
MIB = 1 << 20


def flat(tree, prefix=""):
    flattened = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flattened |= flat(value, f"{prefix}{key}.")
        else:
            flattened[f"{prefix}{key}"] = value
    return flattened


def log_of(stream):
    """How often which event was told, and the sums of its times in nanoseconds; and the summary, which is last."""
    told, sums, rest, last = Counter(), Counter(), b"", b""
    while chunk := stream.read(8 * MIB):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        for kind, outcome, nanoseconds in EVENT.findall(whole):
            event = f"{kind.decode()}.{outcome.decode()}"
            told[event] += 1
            if nanoseconds != b"null":
                sums[event] += int(nanoseconds)
        last = whole[whole.rfind(b"\n") + 1 :] or last
        rest = rest if newline else whole + rest
    return told, sums, json.loads(last)


def wrong_in_summary(found, truth):
    """What the summary says otherwise than the truth, a line each."""
    expected, got = flat(truth), flat(found)
    for name, exchanges in found["exchanges"].items():
        # A request that waits when the capture ends has no answer in it either.
        got[f"exchanges.{name}.unanswered"] = exchanges["unanswered"] + exchanges["waiting"]
    for zero in ["malformed", "events_lost", "evicted_flows", "evicted_pending", "tcp.before_capture", "tcp.failed",
                 "udp.failed"]:
        expected[zero] = 0
    for name, value in expected.items():
        if name.endswith(".sum"):
            continue
        if name.endswith("median_between"):
            low, high = value
            median = got.get(name.replace("median_between", "median"))
            if median is None or not low * 0.999 <= median <= high * 1.001:
                yield f"{name}: {median}, should be {value}"
        elif got.get(name) != value:
            yield f"{name}: {got.get(name)}, should be {value}"
    if unknown := set(found["exchanges"]) - set(truth["exchanges"]):
        yield f"exchanges of {unknown}, of which there is none"
    if found["passed_over"]:
        yield f"passed over: {found['passed_over']}, of which there is none"


def wrong_in_log(told, sums, truth):
    """What the log says otherwise than the truth, a line each."""
    for name, answers in truth["exchanges"].items():
        for outcome in ("answered", "failed", "unanswered"):
            if told[f"{name}.{outcome}"] != answers[outcome]:
                yield f"told {name} {outcome}: {told[f'{name}.{outcome}']}, should be {answers[outcome]}"
        times = sums[f"{name}.answered"] + sums[f"{name}.failed"]
        total = (answers["latency_ns"] or {"sum": 0})["sum"]
        if times != total:
            yield f"sum of {name}'s times: {times} ns, should be {total}"
    for outcome in ("opened", "closed", "reset", "refused", "unanswered"):
        if told[f"tcp.{outcome}"] != truth["tcp"][outcome]:
            yield f"told tcp {outcome}: {told[f'tcp.{outcome}']}, should be {truth['tcp'][outcome]}"
    handshakes = (truth["tcp"]["handshake_ns"] or {"sum": 0})["sum"]
    if sums["tcp.opened"] != handshakes:
        yield f"sum of handshakes: {sums['tcp.opened']} ns, should be {handshakes}"


def check(bridgetap, capture, options=()):
    """The figures that agree, and what does not."""
    with open(f"{capture}.truth.json", encoding="utf-8") as file:
        truth = json.load(file)
    command = [bridgetap, "replay", "--json", *options, capture]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        told, sums, summary = log_of(process.stdout)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed")
    wrong = [*wrong_in_summary(summary, truth), *wrong_in_log(told, sums, truth)]
    return truth, wrong


def main(bridgetap, capture, *options):
    truth, wrong = check(bridgetap, capture, options)
    if wrong:
        sys.exit("\n".join([f"{capture}: bridgetap differs from the truth:", *wrong]))
    print(f"{capture}: {len(flat(truth))} figures of the truth, and bridgetap finds each of them")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
