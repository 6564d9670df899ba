"""The tree and, beside it, below it or instead of it, the details of the selected row. Decides what goes where."""

from datetime import datetime
from typing import Literal, NamedTuple, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widget import Widget

from dasktop.collectors.lookups import Answer, CallStack, FreeNodes
from dasktop.collectors.model import Job, Snapshot
from dasktop.tui.details.of_job import question_of
from dasktop.tui.details.pane import DetailsPane
from dasktop.tui.details.prose import Line, lay_out
from dasktop.tui.details.sections import sections, subject, title
from dasktop.tui.details.stack import Stack
from dasktop.tui.history import History
from dasktop.tui.lookups import Answered, LookUps
from dasktop.tui.terminal.glyphs import Glyphs
from dasktop.tui.tree.columns import Piece
from dasktop.tui.tree.rows import Key, Row

_RIGHT_FROM_CELLS = 150
_BELOW_FROM_LINES = 34
_ASK_AGAIN_SECONDS = 60.0
"""Seconds between calls: sinfo loads all nodes of the site."""


class Place(NamedTuple):
    """Where the pane goes, and how wide or high it is there."""

    where: Literal["right", "below", "nowhere"]
    size: int = 0


def place(cells: int, lines: int) -> Place:
    """Return where there is room for the pane, beside a tree that stays useful, on a terminal of this size."""
    if cells >= _RIGHT_FROM_CELLS:
        return Place("right", min(84, max(52, cells - 110)))
    if lines >= _BELOW_FROM_LINES:
        return Place("below", min(20, lines * 2 // 5))
    return Place("nowhere")


class DetailsBody(Container):
    """Holds the tree's widgets and the pane.

    Parameters
    ----------
    tree
        What stands above each other: the heads of the columns, and the tree.
    look_ups
        Asks for call stacks.
    history
        What snapshots told; fed by whoever shows them.
    is_wanted
        Whether the pane shows at first, where there is room for it.
    """

    DEFAULT_CSS = """
    DetailsBody { height: 1fr; layout: vertical; }
    DetailsBody.-right { layout: horizontal; }
    DetailsBody > Vertical { width: 1fr; height: 1fr; }
    DetailsBody > DetailsPane { display: none; }
    DetailsBody.-open > DetailsPane, DetailsBody.-full > DetailsPane { display: block; }
    DetailsBody.-full > Vertical { display: none; }
    """

    def __init__(self, *tree: Widget, glyphs: Glyphs, look_ups: LookUps, history: History, is_wanted: bool) -> None:
        super().__init__()
        self._tree = tree
        self._glyphs = glyphs
        self._look_ups = look_ups
        self._pane = DetailsPane(glyphs)
        self._history = history
        self._stack = Stack()
        # The last answer about nodes that are free, and when that was asked for whom: only while the details show.
        self._free: Answer | None = None
        self._asked: tuple[FreeNodes, Key, datetime] | None = None
        self._row: Row | None = None
        self._shown: Key | None = None
        self._snapshot: Snapshot | None = None
        self.is_wanted = is_wanted
        """Whether the pane shows beside the tree where there is room for it."""
        self.is_full = False
        """Whether the details stand instead of the tree."""

    def compose(self) -> ComposeResult:
        """Build it; what is in it stays, only its places change."""
        yield Vertical(*self._tree)
        yield self._pane

    @property
    def worker_address(self) -> str | None:
        """The worker whose details show; its child processes are read only then, together with its threads."""
        is_shown = self.is_full or self.has_class("-open")
        return str(self._row.key[1]) if is_shown and self._row is not None and self._row.kind == "worker" else None

    def show(self, row: Row | None, snapshot: Snapshot) -> None:
        """Show a row's details, as this snapshot tells them."""
        self._row = None if row is None else subject(row, snapshot)
        self._snapshot = snapshot
        self._update()

    def clear(self) -> None:
        """Show no row any more, beside the tree or nowhere: what comes is of another cluster."""
        if self.is_full:
            self.toggle_full()
        self._row = self._shown = self._snapshot = None
        self._stack = Stack()
        self._free = self._asked = None
        self._pane.show("", lambda _: [], from_top=True)

    def _update(self) -> None:
        row, snapshot = self._row, self._snapshot
        if snapshot is None or not (self.is_full or self.has_class("-open")):
            return
        if row is None:
            self._shown = None
            self._pane.show("", lambda _: [[Piece("nothing is selected", "quiet")]], from_top=True)
            return

        def lines(cells: int) -> list[Line]:
            return lay_out(sections(row, snapshot, self._history, self._stack, self._free), cells, self._glyphs)

        self._ask_for_free_nodes(row, snapshot.taken_at)
        is_other, self._shown = row.key != self._shown, row.key
        self._pane.show(title(row), lines, from_top=is_other)

    def _ask_for_free_nodes(self, row: Row, now: datetime) -> None:
        """Ask what is free elsewhere, if it is a job that waits for certain nodes; again after a while."""
        question = question_of(cast("Job", row.shows)) if row.kind == "job" else None
        if question is None:
            return
        if self._asked is not None and self._asked[:2] == (question, row.key):
            age_seconds = (now - self._asked[2]).total_seconds()
            if 0 <= age_seconds < _ASK_AGAIN_SECONDS:
                return
        self._asked = question, row.key, now
        self._look_ups.ask(question, self)

    def toggle(self) -> None:
        """Show the pane beside the tree, or no more; where there is no room for it, instead of the tree."""
        if self.is_full:
            self.is_wanted = False
            self.toggle_full()
        elif place(*self.app.size).where == "nowhere":
            self.toggle_full()
        else:
            self.is_wanted = not self.is_wanted
            self._place_pane()

    def toggle_full(self) -> None:
        """Show the details instead of the tree, or the tree again."""
        if self._row is None and not self.is_full:
            return
        self.is_full = not self.is_full
        self.screen.set_class(self.is_full, "-details")
        self._place_pane()

    def _place_pane(self) -> None:
        """Put the pane where there is room for it, and the focus where one looks."""
        where, size = place(*self.app.size)
        is_docked = self.is_wanted and not self.is_full and where != "nowhere"
        had_focus = self._pane.has_focus
        self._pane.is_page = self.is_full
        self.set_class(self.is_full, "-full")
        self.set_class(is_docked, "-open")
        self.set_class(is_docked and where == "right", "-right")
        self._pane.has_rule_at_left = is_docked and where == "right"
        self._pane.styles.width = size if is_docked and where == "right" else "1fr"
        self._pane.styles.height = size if is_docked and where == "below" else "1fr"
        if self.is_full:
            self._pane.focus()
        elif had_focus:
            self._tree[-1].focus()
        self._update()

    def on_resize(self, event: events.Resize) -> None:
        """Weigh the place anew."""
        del event
        self._place_pane()

    def on_details_pane_left(self) -> None:
        """Go back to the tree."""
        if self.is_full:
            self.toggle_full()
        else:
            self._tree[-1].focus()

    def ask_for_call_stack(self) -> bool:
        """Ask what the selected thread is doing, and show its details if they don't show yet.

        Returns
        -------
        bool
            Whether it is a thread that is selected.
        """
        row = self._row
        if row is None or row.kind != "thread":
            return False
        _, address, native_id = row.key
        self._stack = Stack(row.key)
        if not (self.is_full or self.has_class("-open")):
            self.toggle_full()
        self._update()
        question = CallStack(worker_address=str(address), thread_native_id=int(native_id or 0))
        self._look_ups.ask(question, self)
        return True

    def on_answered(self, message: Answered) -> None:
        """Show what has arrived: which nodes are free, or a call stack, if it is the one that was asked for last."""
        question, answer = message.answer.question, message.answer
        if isinstance(question, FreeNodes):
            self._free = answer
            self._update()
        elif isinstance(question, CallStack):
            key: Key = ("thread", question.worker_address, question.thread_native_id)
            if key == self._stack.key:
                self._stack = Stack(key, answer.lines, answer.running, answer.error)
                self._update()
