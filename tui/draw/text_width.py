"""How many cells a text takes, and how to make it take exactly so many. Pure.

Terminals, Python and Textual each have a table of widths of their own. Where they disagree a column would not stand
straight, so `printable` first takes out the characters that they disagree about.
"""

import unicodedata
from typing import Literal

ELLIPSIS = "…"
Align = Literal["left", "right"]


class _Settled(dict[int, str | None]):
    """A table for `str.translate` that decides on each character once."""

    def __missing__(self, codepoint: int) -> str | None:
        self[codepoint] = settled = self._decide(codepoint)
        return settled

    @staticmethod
    def _decide(codepoint: int) -> str | None:
        character = chr(codepoint)
        category = unicodedata.category(character)
        if codepoint == 0x200D or 0xFE00 <= codepoint <= 0xFE0F or 0x1F3FB <= codepoint <= 0x1F3FF:
            return None  # joiners, selectors and skin tones: some terminals merge what they join, others do not
        if category in {"Cn", "Cf", "Cc", "Cs", "Zl", "Zp"}:
            return "\ufffd"
        if any(first <= codepoint <= last for first, last in _WIDE_SINCE_UNICODE_16):
            return "\ufffd"
        return character


_WIDE_SINCE_UNICODE_16 = ((0x2630, 0x2637), (0x268A, 0x268F), (0x4DC0, 0x4DFF), (0x1D300, 0x1D376))
_NO_CELL_OF_THEIR_OWN = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF), (0x3164, 0x3164), (0xFFA0, 0xFFA0))
"""Hangul vowels and finals, which join the syllable before them, and its fillers."""

_SETTLED = _Settled()


def printable(text: str) -> str:
    """Return the text without the characters whose width is not agreed on."""
    return text if text.isascii() and text.isprintable() else text.translate(_SETTLED)


def width(text: str) -> int:
    """Return how many cells a settled text takes."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def is_single_width(text: str) -> bool:
    """Tell whether a text is one character that takes one cell, and every terminal thinks so."""
    return len(text) == 1 and (text.isascii() or (printable(text) == text and _character_width(text) == 1))


def _character_width(character: str) -> int:
    if unicodedata.category(character)[0] == "M":
        return 0
    codepoint = ord(character)
    if any(first <= codepoint <= last for first, last in _NO_CELL_OF_THEIR_OWN):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, cells: int, align: Align = "left") -> str:
    """Return the text in exactly ``cells`` cells: filled up with spaces, or cut and marked ``…``."""
    text = cut(text, cells)
    spaces = " " * (cells - width(text))
    return text + spaces if align == "left" else spaces + text


def cut(text: str, cells: int) -> str:
    """Return the settled text in at most ``cells`` cells; a cut is marked ``…``."""
    text = printable(text)
    if width(text) <= cells:
        return text
    return _head(text, cells - 1) + ELLIPSIS if cells > 0 else ""


def cut_middle(text: str, cells: int, tail: int = 6) -> str:
    """Like `cut`, but leave out the middle: names often differ at their end only."""
    text = printable(text)
    if width(text) <= cells or cells < 2 * tail:
        return cut(text, cells)
    return _head(text, cells - 1 - tail) + ELLIPSIS + _tail(text, tail)


def cut_left(text: str, cells: int) -> str:
    """Like `cut`, but leave out the beginning: nodes are told apart by their numbers."""
    text = printable(text)
    if width(text) <= cells:
        return text
    return ELLIPSIS + _tail(text, cells - 1) if cells > 0 else ""


def wrap(text: str, cells: int) -> list[str]:
    """Return the settled text in lines of at most ``cells`` cells, broken between words where that can be."""
    lines: list[str] = []
    line, cells = "", max(0, cells)
    for word in printable(text).split(" "):
        if line and width(line) + 1 + width(word) <= cells:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        line = word
        while width(line) > cells:
            head = _head(line, cells) or line[:1]
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line] if line else lines


def chop(text: str, cells: int) -> list[str]:
    """Return the settled text in pieces of at most ``cells`` cells, broken anywhere; at least one."""
    pieces: list[str] = []
    cells = max(0, cells)
    while width(text) > cells:
        pieces.append(_head(text, cells) or text[:1])
        text = text[len(pieces[-1]) :]
    return [*pieces, text] if text or not pieces else pieces


def window(text: str, left: int, cells: int) -> tuple[int, int]:
    """Return which part of the settled text shows, first and last, in so many cells from a cell on."""
    first = len(_head(text, left))
    return first, first + len(_head(text[first:], cells))


def _head(text: str, cells: int) -> str:
    """Return the longest beginning that takes at most so many cells."""
    used = 0
    for index, character in enumerate(text):
        used += _character_width(character)
        if used > cells:
            return text[:index]
    return text


def _tail(text: str, cells: int) -> str:
    """Return the longest end that takes at most so many cells, and does not begin with a loose accent."""
    used = 0
    start = len(text)
    for index in range(len(text) - 1, -1, -1):
        character_width = _character_width(text[index])
        used += character_width
        if used > cells:
            break
        if character_width:
            start = index
    return text[start:]
