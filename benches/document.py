#!/usr/bin/env python3
"""Puts what a measurement prints where docs/performance.md has its place for it.

usage: COMMAND | document.py NAME

Between the lines `<!-- NAME -->` and `<!-- end of NAME -->`; what comes in is shown, too. Nothing is replaced by nothing.
"""

import sys
from pathlib import Path

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"


def main(name):
    lines = []
    for line in sys.stdin:
        print(line, end="", flush=True)
        lines.append(line)
    told = "".join(lines).strip()
    if not told:
        sys.exit("nothing came in: the document stays as it was")
    text = DOCUMENT.read_text("utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"{DOCUMENT} has no place for {name}")
    before, rest = text.split(begin)
    DOCUMENT.write_text(f"{before}{begin}\n{told}\n\n{end}{rest.split(end)[1]}", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
