"""When what was drawn could be seen. Asks the terminal behind the drawing; it answers when it has come to that.

Terminals answer in the order in which they read, and the answer comes in among the keys. So a key that is read behind
the answer was pressed after the terminal had drawn, however slow the line is.
"""

from collections import deque
from collections.abc import Callable

Seen = Callable[[float | None], None]
"""Called with the time (Textual's, of messages) from which on the drawing could be seen; ``None``: ask again."""

QUESTION = "\x1b[6n"
"""DSR 6, which asks for the cursor's position. Every terminal knows it, and Textual reads the answer."""

ANSWER_SECONDS = 2.0
"""A terminal that has never answered is not waited for any longer."""


class DisplaySync:
    """The questions that were put to one terminal, and who waits for each answer."""

    def __init__(self) -> None:
        self._to_ask: list[Seen] = []
        self._asked: deque[list[Seen]] = deque()
        self._answers = False

    def wait(self, then: Seen) -> None:
        """Call ``then`` when what is drawn next can be seen."""
        self._to_ask.append(then)

    def question(self) -> str:
        """Return what to write behind a drawing; nothing where nobody waits."""
        if not self._to_ask:
            return ""
        self._asked.append(self._to_ask)
        self._to_ask = []
        return QUESTION

    def answered(self, at: float) -> None:
        """Take the answer to the earliest question that has none yet."""
        self._answers = True
        for then in self._asked.popleft() if self._asked else ():
            then(at)

    def give_up(self, now: float) -> None:
        """Take all that was asked to be seen, if this terminal has never answered anything."""
        if not self._answers:
            waiting = [then for asked in self._asked for then in asked]
            for asked in self._asked:  # an answer may come all the same, and is then to no other question
                asked.clear()
            for then in waiting:
                then(now)

    def forget(self) -> None:
        """Expect no answer any more: it may have gone to another program."""
        waiting = [*self._to_ask, *(then for asked in self._asked for then in asked)]
        self._to_ask = []
        self._asked.clear()
        for then in waiting:
            then(None)
