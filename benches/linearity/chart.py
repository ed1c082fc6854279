"""Draws lines over a logarithmic axis, a panel beside another, as SVG. Used by measure.py."""

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 300, 220  # of a panel, in pixels
LEFT, TOP, BOTTOM, GAP = 62, 64, 62, 28
COLOURS = ["#1f6feb", "#bf5b04", "#1a7f37"]


@dataclass
class Panel:
    """Lines of (how many, nanoseconds), by their names."""

    title: str
    axis: str
    lines: dict


def steps(most):
    """Round numbers from 0 to at least `most`, five or so."""
    rough = most / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def short(number):
    for unit, name in ((1_000_000, " M"), (1000, " k")):
        if number >= unit:
            return f"{number / unit:g}{name}"
    return f"{number:g}"


def text(x, y, words, anchor="middle", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def svg(title, unit, panels):
    most = max(value for panel in panels for line in panel.lines.values() for _, value in line)
    marks = steps(most)
    width = LEFT + len(panels) * (WIDTH + GAP)
    height = TOP + HEIGHT + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="sans-serif" font-size="12" fill="#24292f">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        text(LEFT, 22, title, "start", ' font-size="16" font-weight="bold"'),
        text(16, TOP + HEIGHT / 2, unit, more=f' transform="rotate(-90 16 {TOP + HEIGHT / 2})"'),
    ]
    for number, panel in enumerate(panels):
        parts += drawn(panel, LEFT + number * (WIDTH + GAP), marks, number == 0)
    parts += legend(list(panels[0].lines), width - GAP)
    return "\n".join([*parts, "</svg>\n"])


def drawn(panel, left, marks, labelled):
    numbers = sorted({number for line in panel.lines.values() for number, _ in line})
    low, high = math.log10(numbers[0]), math.log10(numbers[-1])

    def x(number):
        return left + 14 + (WIDTH - 28) * (math.log10(number) - low) / ((high - low) or 1)

    def y(value):
        return TOP + HEIGHT * (1 - value / marks[-1])

    parts = [text(left + WIDTH / 2, TOP - 12, panel.title), text(left + WIDTH / 2, TOP + HEIGHT + 40, panel.axis)]
    for mark in marks:
        colour = "#57606a" if mark == 0 else "#d8dee4"
        parts.append(f'<path d="M{left} {y(mark):.1f}h{WIDTH}" stroke="{colour}"/>')
        if labelled:
            parts.append(text(left - 8, y(mark) + 4, f"{mark:,g}", "end"))
    for number in numbers:
        parts.append(f'<path d="M{x(number):.1f} {TOP + HEIGHT}v5" stroke="#57606a"/>')
        parts.append(text(x(number), TOP + HEIGHT + 20, short(number)))
    for colour, line in zip(COLOURS, panel.lines.values(), strict=False):
        places = " ".join(f"{x(number):.1f},{y(value):.1f}" for number, value in line)
        parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(number):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>' for number, value in line]
    return parts


def legend(names, right):
    parts = []
    for number, (name, colour) in enumerate(zip(names, COLOURS, strict=False)):
        at = right - 90 * (len(names) - number)
        parts.append(f'<path d="M{at} 18h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(text(at + 24, 22, name, "start"))
    return parts
