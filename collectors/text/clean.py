"""Cleans text from outside once, where it enters the program. Never interprets it."""

import re
from typing import Any

# Characters that can move the cursor, hide text or change its direction: C0, DEL and C1, line and paragraph
# separators, zero-width and bidirectional controls, the byte-order mark, lone surrogates, and tag characters.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]+"
)

_JSON_ESCAPE = re.compile(rb"\\[bfnrtu]")

MAX_CHARACTERS = 4096
MAX_LINES = 10_000


def clean(text: str | bytes) -> str:
    """Return ``text`` as one line without control characters, of at most `MAX_CHARACTERS`.

    Bytes are decoded as UTF-8, with U+FFFD for invalid ones. Each run of control characters becomes one space, so that
    words stay separate; both ends are stripped.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    if len(text) <= MAX_CHARACTERS and text.isascii() and text.isprintable():
        return text.strip()  # a shortcut that matters with thousands of jobs
    text = _CONTROLS.sub(" ", text[: 2 * MAX_CHARACTERS]).strip()
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def without_controls(text: str) -> str:
    """Return ``text`` with each run of control characters as one space, like `clean` but without a limit of length."""
    return text if text.isascii() and text.isprintable() else _CONTROLS.sub(" ", text)


def clean_or_none(text: object) -> str | None:
    """Return cleaned text; ``None`` for other types and for text that is empty after cleaning."""
    return clean(text) or None if isinstance(text, str | bytes) else None


def clean_lines(text: str, most: int = MAX_LINES) -> tuple[str, ...]:
    """Return the cleaned lines of ``text``, with their indentation and tabs as spaces; empty lines are kept.

    Lines beyond ``most`` are left out; a last line gives their number.
    """
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    kept = [clean_line(line) for line in lines[:most]]
    if len(lines) > most:
        kept.append(f"… {len(lines) - most:,} more lines")
    return tuple(kept) if text else ()


def clean_line(line: str) -> str:
    """Return a cleaned line with its indentation and tabs as spaces."""
    line = line[: 2 * MAX_CHARACTERS].expandtabs(4)
    indent = line[: len(line) - len(line.lstrip(" "))][:MAX_CHARACTERS]
    return indent + clean(line)


def cleaned_document(document: Any) -> Any:
    """Return decoded JSON with all strings cleaned, at any depth."""
    match document:
        case str():
            return clean(document) if _CONTROLS.search(document) else document
        case list():
            return [cleaned_document(item) for item in document]
        case dict():
            return {cleaned_document(key): cleaned_document(item) for key, item in document.items()}
    return document


def may_hold_controls(json: bytes) -> bool:
    """Return quickly whether any string in this JSON may need cleaning."""
    return (
        _JSON_ESCAPE.search(json) is not None
        or b"\x7f" in json  # the only control character that JSON may contain unescaped
        or (not json.isascii() and _CONTROLS.search(json.decode("utf-8", errors="replace")) is not None)
    )
