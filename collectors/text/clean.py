"""Cleans text that comes from outside, once, where it enters. Never decides what it means."""

import re
from typing import Any

# What can move a cursor, hide text or turn its direction: C0, DEL and C1, the line and paragraph separators,
# the zero-width and bidirectional controls, the byte-order mark, lone surrogates, and the tag characters.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]+"
)

_JSON_ESCAPE = re.compile(rb"\\[bfnrtu]")

MAX_CHARACTERS = 4096
MAX_LINES = 10_000


def clean(text: str | bytes) -> str:
    """Return ``text`` on one line, without control characters, and not endlessly long.

    Bytes are read as UTF-8; what is not UTF-8 becomes U+FFFD. Each run of control characters becomes one space, so
    that words that were apart stay apart; the ends are stripped.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    text = _CONTROLS.sub(" ", text[: 2 * MAX_CHARACTERS]).strip()
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def without_controls(text: str) -> str:
    """Return ``text`` with each run of control characters as one space, as `clean` does, but however long it is."""
    return text if text.isascii() and text.isprintable() else _CONTROLS.sub(" ", text)


def clean_or_none(text: object) -> str | None:
    """Return cleaned text, or ``None`` for what is no text or holds none."""
    return clean(text) or None if isinstance(text, str | bytes) else None


def clean_lines(text: str, most: int = MAX_LINES) -> tuple[str, ...]:
    """Return ``text`` line by line, each clean but still indented, with its tabs as spaces; empty lines stay.

    What is more than so many lines is left out, and a last line says how many.
    """
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    kept = [clean_line(line) for line in lines[:most]]
    if len(lines) > most:
        kept.append(f"… {len(lines) - most:,} more lines")
    return tuple(kept) if text else ()


def clean_line(line: str) -> str:
    """Return a line clean but still indented, with its tabs as spaces."""
    line = line[: 2 * MAX_CHARACTERS].expandtabs(4)
    indent = line[: len(line) - len(line.lstrip(" "))][:MAX_CHARACTERS]
    return indent + clean(line)


def cleaned_document(document: Any) -> Any:
    """Return what JSON said with all its texts cleaned, at any depth."""
    match document:
        case str():
            return clean(document) if _CONTROLS.search(document) else document
        case list():
            return [cleaned_document(item) for item in document]
        case dict():
            return {cleaned_document(key): cleaned_document(item) for key, item in document.items()}
    return document


def may_hold_controls(json: bytes) -> bool:
    """Tell, quickly, whether some text in this JSON may need cleaning."""
    return (
        _JSON_ESCAPE.search(json) is not None
        or b"\x7f" in json  # the one control character that JSON may hold as it is
        or (not json.isascii() and _CONTROLS.search(json.decode("utf-8", errors="replace")) is not None)
    )
