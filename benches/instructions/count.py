#!/usr/bin/env python3
"""Counts instructions a packet of each form of the log, and compares them with those that are kept.

usage: count.py BRIDGETAP COUNTS.json [--bless]

What starting takes, told of a capture of one packet, is taken off. Fewer by an eighth fails too: then the counts that are
kept are to follow, or they would let that be lost again.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "side-by-side"))
import measure  # noqa: E402, the folder beside is not a package

GENERATE = Path(measure.__file__).parent / "generate.py"
BOUND = 1.125
FORMS = {
    "replay --summary": ["replay", "--summary"],
    "replay": ["replay"],
    "replay --docker-inspect": ["replay", "--docker-inspect", "{names}"],
    "replay --packets": ["replay", "--packets"],
    "replay --json": ["replay", "--json"],
    "latency --csv": ["latency", "--csv"],
}


def instructions(program, form, capture, names):
    threads = measure.threads_option(program, 1) if form[0] == "replay" else []
    arguments = [argument.format(names=names) for argument in form]
    command = [program, arguments[0], *threads, *arguments[1:], capture]
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    done = subprocess.run(valgrind, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or counted is None:
        sys.exit(f"{' '.join(map(str, valgrind))} failed:\n{done.stderr}")
    return int(counted[1])


def count(program, folder):
    counts = {}
    for kind in ("small", "large"):
        capture, one = folder / f"{kind}.pcap", folder / f"{kind}-1.pcap"
        subprocess.run([sys.executable, GENERATE, capture, "20000", "--kind", kind], stdout=subprocess.DEVNULL, check=True)
        measure.copy_slice(capture, one, 1)
        packets = json.loads(Path(f"{capture}.truth.json").read_text("utf-8"))["packets"]
        names = f"{capture}.inspect.json"
        for name, form in FORMS.items():
            counted = [instructions(program, form, path, names) for path in (one, capture)]
            counts[f"{kind}: {name}"] = round((counted[1] - counted[0]) / packets)
    return counts


def main(program, kept, bless=None):
    with tempfile.TemporaryDirectory(prefix="bridgetap-count.") as folder:
        counts = count(program, Path(folder))
    path, is_good = Path(kept), True
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    print("| instructions a packet | kept | counted |\n|---|---:|---:|")
    for name, counted in counts.items():
        old = before.get(name)
        is_near = old is not None and old / BOUND <= counted <= old * BOUND
        is_good &= is_near
        print(f"| {name} | {old or 'none'} | {counted}{'' if is_near or bless else ' !'} |")
    if bless:
        path.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
    elif not is_good:
        sys.exit(f"Those with ! differ by more than an eighth; if that is meant: {sys.argv[0]} … --bless")


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4 or sys.argv[3:] not in ([], ["--bless"]):
        sys.exit(__doc__)
    main(*sys.argv[1:])
