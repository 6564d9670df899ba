"""The lines of text in a picture of the screen."""

import re
from html import unescape

from rich.cells import cell_len

CELL_PIXELS = 12.2
"""The width of a cell in Rich's pictures."""
_TEXT = re.compile(r'<text [^>]*?x="([\d.]+)" [^>]*?clip-path="[^"]*-line-(\d+)\)">([^<]*)</text>')


def lines_of(svg: str) -> list[str]:
    """Return the lines of a picture that Textual drew, without trailing blanks."""
    lines: dict[int, str] = {}
    for x, number, escaped in _TEXT.findall(svg):
        text = unescape(escaped).replace("\xa0", " ").rstrip("\n")
        line = lines.get(int(number), "")
        blanks = round(float(x) / CELL_PIXELS) - cell_len(line)
        lines[int(number)] = line + " " * blanks + text
    return [lines.get(number, "").rstrip() for number in range(max(lines, default=-1) + 1)]
