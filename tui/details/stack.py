"""The call stack that the user asked for: whose it is, and what came of asking. Plain state; asks nobody."""

from typing import NamedTuple

from dasktop.tui.view.rows import Key


class Stack(NamedTuple):
    """At most one call stack is kept: that of the thread which was asked about last."""

    key: Key | None = None
    """Of the thread's row; ``None``: nobody has asked yet."""
    lines: tuple[str, ...] | None = None
    """Innermost call first; ``None`` until the worker has answered."""
    running: str | None = None
    """The task whose calls these are; ``None``: not told."""
    error: str | None = None
