"""The status line: running operations, and the result of the last key. Takes no space when empty."""

from collections.abc import Callable
from time import monotonic

from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import cut, width, wrap
from dasktop.tui.widgets.lines import Lines

MAX_LINES = 3
READING_SECONDS = 5.0
"""An announcement may appear just before an unrelated key press; it stays for at least this long."""


class StatusLine(Lines):
    """A message of up to `MAX_LINES` lines.

    Parameters
    ----------
    clock
        Returns the time in seconds.
    """

    DEFAULT_CSS = "StatusLine { height: 0; }"

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._glyphs = glyphs
        self._text = ""
        self._role: Role = "text"
        self._hint = ""
        self._expires_at: float | None = None  # the first key from then on clears it

    def show(self, text: str, role: Role = "text", hint: str = "") -> None:
        """Show a message until the next one or `clear`.

        With a hint (a key to press), it takes one line, so that progress messages do not move the tree.
        """
        self._text, self._role, self._hint, self._expires_at = text, role, hint, None
        self.update()

    def show_result(self, text: str, role: Role = "text") -> None:
        """Show the result of a key, until the next key."""
        self.show(text, role)
        self._expires_at = self._clock()

    def announce(self, text: str, role: Role = "text") -> None:
        """Show a message that no key caused, until a key pressed after `READING_SECONDS`."""
        self.show(text, role)
        self._expires_at = self._clock() + READING_SECONDS

    def next_key(self) -> None:
        """Clear a message that expires with this key."""
        if self._expires_at is not None and self._clock() >= self._expires_at:
            self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.show("")

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the wrapped message."""
        if not self._text:
            return []
        if self._hint:
            text = cut(self._text, max(1, cells - 3 - width(self._hint)))
            pieces = [Piece(f" {text} ", self._role), Piece(f" {self._hint}", "quiet")]
            return [[Piece(self._glyphs.encode(text), role) for text, role in pieces]]
        texts = wrap(self._text, max(1, cells - 2))
        if len(texts) > MAX_LINES:
            texts = [*texts[: MAX_LINES - 1], cut(" ".join(texts[MAX_LINES - 1 :]), max(1, cells - 2))]
        return [[Piece(self._glyphs.encode(f" {text}"), self._role)] for text in texts]
