"""Task keys as text: if there is no room, their token is shortened first: it is the same in many keys. Pure.

A key is a name, usually a token (a hash or a UUID), and often an index: ``('load-3f2a…', 7)``, ``inc-5b0c…-12``.
"""

import re

from dasktop.tui.draw.text_width import ELLIPSIS, cut, cut_middle, printable, width

_TOKEN = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|(?=[0-9]*[a-f])[0-9a-f]{8,})"
    r"(?![0-9A-Za-z])"
)
"""A UUID, an MD5 hash or a part of it. A number alone is none: it may be a date."""


def without_token(key: str) -> str:
    """Return a key with its token (hash or UUID) replaced by ``…``."""
    return _TOKEN.sub(ELLIPSIS, key)


def shorten_token(text: str, cells: int) -> str:
    """Return the printable text with the token of the key at its end shortened; it may still be too wide."""
    text = printable(text)
    head, token, rest = _parts(text)
    if width(text) <= cells or not token:
        return text
    return head + token[: max(0, cells - width(head) - width(rest) - 1)] + ELLIPSIS + rest


def cut_key(text: str, cells: int, tail: int) -> str:
    """Return the printable text, which ends with a key, in at most ``cells`` cells; cuts are marked ``…``.

    The token of the key is shortened first, then the text before it: keys of one name differ at the end. Of a key
    without a token, ``tail`` cells at the end stay.
    """
    shorter = shorten_token(text, cells)
    if width(shorter) <= cells:
        return shorter
    head, token, rest = _parts(printable(text))
    if not token:
        return cut_middle(shorter, cells, max(1, min(tail, cells // 2)))
    if not rest:
        return cut(head, cells)
    end = width(rest)
    return cut_middle(shorter, cells, end if 2 * end <= cells else max(1, min(tail, cells // 2)))


def _parts(text: str) -> tuple[str, str, str]:
    """Return what is before the last token of a text, the token, and what is after it."""
    found = list(_TOKEN.finditer(text))
    return (text[: found[-1].start()], found[-1][0], text[found[-1].end() :]) if found else (text, "", "")
