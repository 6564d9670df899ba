"""The width of a text in cells, and cutting and padding to a width. Pure.

Terminals, Python and Textual have different width tables. `printable` removes the characters on which they disagree,
so that columns stay aligned; the other functions expect such text.
"""

import unicodedata
from functools import lru_cache
from typing import Literal

ELLIPSIS = "…"
_ALPHANUMERIC = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
Align = Literal["left", "right"]


class _PrintableTable(dict[int, str | None]):
    """A table for `str.translate`, filled on demand."""

    def __missing__(self, codepoint: int) -> str | None:
        self[codepoint] = replacement = self._decide(codepoint)
        return replacement

    @staticmethod
    def _decide(codepoint: int) -> str | None:
        character = chr(codepoint)
        category = unicodedata.category(character)
        if codepoint == 0x200D or 0xFE00 <= codepoint <= 0xFE0F or 0x1F3FB <= codepoint <= 0x1F3FF:
            return None  # joiners, selectors and skin tones, which only some terminals merge
        if category in {"Cn", "Cf", "Cc", "Cs", "Zl", "Zp"}:
            return "\ufffd"
        if any(first <= codepoint <= last for first, last in _WIDE_SINCE_UNICODE_16):
            return "\ufffd"
        return character


_WIDE_SINCE_UNICODE_16 = ((0x2630, 0x2637), (0x268A, 0x268F), (0x4DC0, 0x4DFF), (0x1D300, 0x1D376))
_ZERO_WIDTH_HANGUL = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF), (0x3164, 0x3164), (0xFFA0, 0xFFA0))
"""Hangul vowels and finals, which join the preceding syllable, and fillers."""

_PRINTABLE = _PrintableTable()


def printable(text: str) -> str:
    """Return the text without characters whose width depends on the terminal."""
    return text if text.isascii() and text.isprintable() else text.translate(_PRINTABLE)


def width(text: str) -> int:
    """Return the width of a printable text in cells."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def is_single_width(text: str) -> bool:
    """Return whether a text is one character that takes one cell on every terminal."""
    return len(text) == 1 and (text.isascii() or (printable(text) == text and _character_width(text) == 1))


@lru_cache(maxsize=4096)
def _character_width(character: str) -> int:
    if unicodedata.category(character)[0] == "M":
        return 0
    codepoint = ord(character)
    if any(first <= codepoint <= last for first, last in _ZERO_WIDTH_HANGUL):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, cells: int, align: Align = "left") -> str:
    """Return the text in exactly ``cells`` cells: padded with spaces, or cut and marked ``…``."""
    text = cut(text, cells)
    spaces = " " * (cells - width(text))
    return text + spaces if align == "left" else spaces + text


def cut(text: str, cells: int) -> str:
    """Return the printable text in at most ``cells`` cells; a cut is marked ``…``."""
    text = printable(text)
    if width(text) <= cells:
        return text
    return _head(text, cells - 1) + ELLIPSIS if cells > 0 else ""


def cut_middle(text: str, cells: int, tail: int = 6) -> str:
    """Like `cut`, but remove the middle: names often differ only at the end."""
    text = printable(text)
    if width(text) <= cells or cells < 2 * tail:
        return cut(text, cells)
    return _head(text, cells - 1 - tail) + ELLIPSIS + _tail(text, tail)


def cut_left(text: str, cells: int) -> str:
    """Like `cut`, but remove the start: node names differ in the number at the end."""
    text = printable(text)
    if width(text) <= cells:
        return text
    return ELLIPSIS + _tail(text, cells - 1) if cells > 0 else ""


def wrap(text: str, cells: int) -> list[str]:
    """Return the text in lines of at most ``cells`` cells, broken between words if possible.

    A word that is too long, such as a task key or a path, is broken before a number or name in it if possible.
    """
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
            head = _broken(line, cells) or line[:1]
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line] if line else lines


def _broken(word: str, cells: int) -> str:
    """Return the start of a long word in at most ``cells`` cells: to the last part that fits if that is half of it."""
    head = _head(word, cells)
    if not head[-1:].isalnum() or not word[len(head) : len(head) + 1].isalnum():
        return head
    to_last_part = head.rstrip(_ALPHANUMERIC)
    return to_last_part if 2 * width(to_last_part) >= cells else head


def chop(text: str, cells: int) -> list[str]:
    """Return the text in pieces of at most ``cells`` cells, broken anywhere; at least one piece."""
    pieces: list[str] = []
    cells = max(0, cells)
    while width(text) > cells:
        pieces.append(_head(text, cells) or text[:1])
        text = text[len(pieces[-1]) :]
    return [*pieces, text] if text or not pieces else pieces


def window(text: str, left: int, cells: int) -> tuple[int, int]:
    """Return start and end of the part of a text that is visible in ``cells`` cells, from cell ``left`` on."""
    first = len(_head(text, left))
    return first, first + len(_head(text[first:], cells))


def _head(text: str, cells: int) -> str:
    """Return the longest prefix of at most ``cells`` cells."""
    used = 0
    for index, character in enumerate(text):
        used += _character_width(character)
        if used > cells:
            return text[:index]
    return text


def _tail(text: str, cells: int) -> str:
    """Return the longest suffix of at most ``cells`` cells that does not start with a combining character."""
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
