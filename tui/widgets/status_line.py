"""The line that tells what is going on, and what came of a key. Takes no room while there is nothing."""

from collections.abc import Callable
from time import monotonic

from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import cut, width, wrap
from dasktop.tui.widgets.lines import Lines

MOST_LINES = 3
READING_SECONDS = 5.0
"""What comes by itself, such as the end of a long operation, may come just before a key that is not about it."""


class StatusLine(Lines):
    """Some words, over up to three lines: what ends in the middle of a sentence helps nobody.

    Parameters
    ----------
    clock
        Tells the time in seconds.
    """

    DEFAULT_CSS = "StatusLine { height: 0; }"

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._glyphs = glyphs
        self._words = ""
        self._role: Role = "text"
        self._hint = ""
        self._goes_from: float | None = None  # with a key that is pressed then or later

    def tell(self, words: str, role: Role = "text", hint: str = "") -> None:
        """Show these words, until others are told or `clear` is said.

        With a hint of what one can do meanwhile, on one line: what comes and goes must not push the tree about.
        """
        self._words, self._role, self._hint, self._goes_from = words, role, hint, None
        self.update()

    def remark(self, words: str, role: Role = "text") -> None:
        """Show these words until the next key: they are on what the last one did, and mean nothing behind others."""
        self.tell(words, role)
        self._goes_from = self._clock()

    def announce(self, words: str, role: Role = "text") -> None:
        """Show these words, which come by themselves, until a key that is pressed when there was time to read them."""
        self.tell(words, role)
        self._goes_from = self._clock() + READING_SECONDS

    def next_key(self) -> None:
        """Show what goes with a key no more."""
        if self._goes_from is not None and self._clock() >= self._goes_from:
            self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.tell("")

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the words in as many lines as they take."""
        if not self._words:
            return []
        if self._hint:
            text = cut(self._words, max(1, cells - 3 - width(self._hint)))
            pieces = [Piece(f" {text} ", self._role), Piece(f" {self._hint}", "quiet")]
            return [[Piece(self._glyphs.own(text), role) for text, role in pieces]]
        texts = wrap(self._words, max(1, cells - 2))
        if len(texts) > MOST_LINES:
            texts = [*texts[: MOST_LINES - 1], cut(" ".join(texts[MOST_LINES - 1 :]), max(1, cells - 2))]
        return [[Piece(self._glyphs.own(f" {text}"), self._role)] for text in texts]
