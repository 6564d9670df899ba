"""Cleans text that comes from outside, once, where it enters. Never decides what it means."""

import re

# What can move a cursor, hide text or turn its direction: C0, DEL and C1, the line and paragraph separators,
# the zero-width and bidirectional controls, the byte-order mark, lone surrogates, and the tag characters.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]+"
)

MAX_CHARACTERS = 4096


def clean(text: str | bytes) -> str:
    """Return ``text`` on one line, without control characters, and not endlessly long.

    Bytes are read as UTF-8; what is not UTF-8 becomes U+FFFD. Each run of control characters becomes one space, so
    that words that were apart stay apart; the ends are stripped.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    text = _CONTROLS.sub(" ", text[: 2 * MAX_CHARACTERS]).strip()
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def clean_or_none(text: object) -> str | None:
    """Return cleaned text, or ``None`` for what is no text or holds none."""
    return clean(text) or None if isinstance(text, str | bytes) else None
