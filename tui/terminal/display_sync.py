"""Detects when an update is visible: sends a query after it, which the terminal answers after drawing. Draws nothing.

Terminals answer in the order in which they read, and the reply arrives among the keys. So a key that is read after the
reply was pressed after the terminal had drawn, however slow the connection is.
"""

from collections import deque
from collections.abc import Callable

Seen = Callable[[float | None], None]
"""Called with the time (as in Textual's messages) at which the drawing was visible; ``None``: ask again."""

QUERY = "\x1b[6n"
"""DSR 6, cursor position report. Every terminal supports it, and Textual parses the reply."""

ANSWER_SECONDS = 2.0
"""How long to wait for a terminal that has never replied."""


class DisplaySync:
    """The queries sent to one terminal, and the callbacks that wait for each reply."""

    def __init__(self) -> None:
        self._to_ask: list[Seen] = []
        self._asked: deque[list[Seen]] = deque()
        self._answers = False

    def wait(self, then: Seen) -> None:
        """Call ``then`` when the next drawing is visible."""
        self._to_ask.append(then)

    def query(self) -> str:
        """Return the query to write after a drawing; empty if nothing waits."""
        if not self._to_ask:
            return ""
        self._asked.append(self._to_ask)
        self._to_ask = []
        return QUERY

    def answered(self, at: float) -> None:
        """Handle the reply to the oldest unanswered query."""
        self._answers = True
        for then in self._asked.popleft() if self._asked else ():
            then(at)

    def give_up(self, now: float) -> None:
        """Treat all drawings as visible, if this terminal has never replied."""
        if not self._answers:
            waiting = [then for asked in self._asked for then in asked]
            for asked in self._asked:  # a late reply must not be taken for the reply to a later query
                asked.clear()
            for then in waiting:
                then(now)

    def forget(self) -> None:
        """Expect no replies: another program may have received them."""
        waiting = [*self._to_ask, *(then for asked in self._asked for then in asked)]
        self._to_ask = []
        self._asked.clear()
        for then in waiting:
            then(None)
