"""Lays out the tree and the details pane: beside it, below it or in its place. Reads no data itself."""

from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widget import Widget

from dasktop.collectors.model.queries import Answer, CallStack, Question
from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.details.of_pending_job import questions_about
from dasktop.tui.details.of_worker import Stack
from dasktop.tui.details.sections import sections, subject, title
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.prose import Line, Section, lay_out, with_high_graphs
from dasktop.tui.view.history import History
from dasktop.tui.view.keys import NO_KEYMAP, Keymap
from dasktop.tui.view.rows import JobRow, Key, Row, ThreadRow, WorkerRow
from dasktop.tui.widgets.details_pane import DetailsPane
from dasktop.tui.widgets.queries import Answered, Queries
from dasktop.tui.widgets.row_table import RowTable

_RIGHT_FROM_CELLS = 150
_FEWEST_CELLS, _MOST_CELLS = 52, 110
_TREE_CELLS = 120
"""With these, the tree shows its default columns, also what runs now."""
_BELOW_FROM_LINES = 34
_FREE_ROWS, _LINES_PER_STEP = 1, 2
"""Below the tree, a pane gets what the rows leave but for some; it grows in steps, not with each row that ends."""
_LINES_PER_GRAPH_LINE, _MOST_GRAPH_LINES = 10, 5
"""The height of graphs grows with that of the pane."""
_ASK_AGAIN_SECONDS = 30.0
"""``sinfo`` reads all nodes of the site."""
_FEWEST_LOG_LINES = 3
"""The title and two lines."""
_LOG_FROM_LINES, _LINES_PER_LOG_LINE = 30, 5
"""From this height on, the pane keeps a share for the end of the log; a lower one only shows it in what is left."""


class EndOfLog(Protocol):
    """The last lines of the log of a job."""

    def look_at(self, job: Job | None, now: datetime) -> None:
        """Look at this job from now on, the time of a snapshot, and read what is due."""

    def lines(self, cells: int, most: int) -> list[Line]:
        """Return a title and the last lines, in at most this many lines; none without a job."""


class Place(NamedTuple):
    """Where the pane goes, and how wide or high it is there."""

    where: Literal["right", "below", "nowhere"]
    size: int = 0


def place(cells: int, lines: int) -> Place:
    """Return where the pane fits on a terminal of this size, with enough room left for the tree."""
    if cells >= _RIGHT_FROM_CELLS:
        return Place("right", min(_MOST_CELLS, max(_FEWEST_CELLS, cells - _TREE_CELLS)))
    if lines >= _BELOW_FROM_LINES:
        return Place("below", min(20, lines // 4))
    return Place("nowhere")


def lines_below(usual: int, shown: int, spare: int) -> int:
    """Return the height of a pane below the tree.

    Parameters
    ----------
    usual
        Its height if the tree fills what is left.
    shown
        Its height now; 0: it is not shown.
    spare
        The lines that the rows of the tree leave.
    """
    wanted = max(usual, spare - _FREE_ROWS)
    return shown if shown <= wanted < shown + _LINES_PER_STEP and shown >= usual else wanted


class DetailsBody(Container):
    """Contains the tree's widgets and the details pane.

    Parameters
    ----------
    tree
        The column heads and the tree, from top to bottom.
    queries
        For call stacks, and for what a pending job waits for.
    history
        The recent values of all rows; fed by the app.
    is_wanted
        Whether the pane is shown at the start, if there is room.
    is_tree_enlarged
        Whether it is not shown beside the tree nevertheless.
    keymap
        Keys that replace those of the key table.
    thresholds
        The user's, as for findings.
    log
        The end of the log of the selected row's job; ``None``: it cannot be read.
    """

    DEFAULT_CSS = """
    DetailsBody { height: 1fr; layout: vertical; }
    DetailsBody.-right { layout: horizontal; }
    DetailsBody > Vertical { width: 1fr; height: 1fr; }
    DetailsBody > DetailsPane { display: none; }
    DetailsBody.-open > DetailsPane, DetailsBody.-full > DetailsPane { display: block; }
    DetailsBody.-full > Vertical { display: none; }
    """

    def __init__(
        self,
        *tree: Widget,
        glyphs: Glyphs,
        queries: Queries,
        history: History,
        is_wanted: bool,
        is_tree_enlarged: bool = False,
        keymap: Keymap = NO_KEYMAP,
        thresholds: Thresholds = DEFAULTS,
        log: EndOfLog | None = None,
    ) -> None:
        super().__init__()
        self._tree = tree
        self._log = log
        self._glyphs = glyphs
        self._queries = queries
        self._pane = DetailsPane(glyphs)
        self._history = history
        self._keymap = keymap
        self._thresholds = thresholds
        self._stack = Stack()
        # About the pending job that is shown: when each query was sent, and the last answers.
        self._asked: dict[Question, datetime] = {}
        self._answers: dict[Question, Answer] = {}
        self._row: Row | None = None
        self._shown: Key | None = None
        self._lines_below = 0
        self._snapshot: Snapshot | None = None
        self.is_wanted = is_wanted
        """Whether the pane is shown beside the tree, if there is room."""
        self._is_tree_enlarged = is_tree_enlarged
        self.is_full = False
        """Whether the details take the place of the tree."""

    def compose(self) -> ComposeResult:
        """Build the tree and the pane; later only their places change."""
        yield Vertical(*self._tree)
        yield self._pane

    @property
    def worker_address(self) -> str | None:
        """Address of the worker whose details are shown; its threads and child processes are read only then."""
        is_shown = self.is_full or self.has_class("-open")
        return self._row.worker.address if is_shown and isinstance(self._row, WorkerRow) else None

    def show(self, row: Row | None, snapshot: Snapshot) -> None:
        """Show the details of a row of this snapshot."""
        self._row = None if row is None else subject(row, snapshot)
        self._snapshot = snapshot
        self._fit_pane()
        self._update()

    def clear(self) -> None:
        """Show no row, and close the full-page details: the next snapshot is of another cluster."""
        if self.is_full:
            self.toggle_full()
        self._row = self._shown = self._snapshot = None
        self._stack = Stack()
        self._asked, self._answers = {}, {}
        self._pane.show("", lambda _: [], from_top=True)

    def _update(self) -> None:
        row, snapshot = self._row, self._snapshot
        if snapshot is None:
            return
        if not (self.is_full or self.has_class("-open")):
            self._look_at_log(None, snapshot)
            return
        if row is None:
            self._shown = None
            self._look_at_log(None, snapshot)
            self._pane.show("", lambda _: [[Piece("no row selected", "quiet")]], from_top=True)
            return

        def found() -> list[Section]:
            return sections(
                row,
                snapshot,
                self._history,
                self._stack,
                self._answers,
                keymap=self._keymap,
                thresholds=self._thresholds,
            )

        def lines(cells: int) -> list[Line]:
            high = max(1, min(_MOST_GRAPH_LINES, self._pane.size.height // _LINES_PER_GRAPH_LINE))
            return lay_out(with_high_graphs(found(), high), cells, self._glyphs)

        self._ask_why_it_waits(row, snapshot.taken_at)
        is_other, self._shown = row.key != self._shown, row.key
        self._pane.show(title(row), lines, self._end_of_log, from_top=is_other)

    def _end_of_log(self, cells: int, left: int) -> list[Line]:
        """Return the end of the log, in the lines that the details leave or the share that is kept for it.

        The log is read only if there is room for it.
        """
        if self._log is None or self._snapshot is None:
            return []
        high = self._pane.size.height
        room = max(left - 1, high // _LINES_PER_LOG_LINE if high >= _LOG_FROM_LINES else 0)
        has_room = room >= _FEWEST_LOG_LINES
        self._look_at_log(self._row if has_room else None, self._snapshot)
        return self._log.lines(cells, room) if has_room else []

    def _look_at_log(self, row: Row | None, snapshot: Snapshot) -> None:
        """Read the log of the row's job, unless a page covers the details: one that shows a log reads it itself."""
        if self._log is None or self.app.screen is not self.screen:
            return
        job_id = None if row is None else row.of_job
        job = None if job_id is None else next((job for job in snapshot.jobs if job.job_id == job_id), None)
        self._log.look_at(job, snapshot.taken_at)

    def update_log(self) -> None:
        """Show the end of the log that has been read."""
        self._pane.update()

    def _ask_why_it_waits(self, row: Row, now: datetime) -> None:
        """Query what a pending job waits for; each query at most every `_ASK_AGAIN_SECONDS`."""
        questions = questions_about(row.job) if isinstance(row, JobRow) else ()
        self._asked = {question: at for question, at in self._asked.items() if question in questions}
        self._answers = {question: answer for question, answer in self._answers.items() if question in questions}
        for question in questions:
            asked_at = self._asked.get(question)
            if asked_at is None or not 0 <= (now - asked_at).total_seconds() < _ASK_AGAIN_SECONDS:
                self._asked[question] = now
                self._queries.ask(question, self)

    def toggle(self) -> None:
        """Show or hide the pane beside the tree; without room for it, show the details in place of the tree."""
        if self.is_full:
            self.is_wanted = False
            self.toggle_full()
        elif place(*self.app.size).where == "nowhere":
            self.toggle_full()
        else:
            self.is_wanted = not self.is_wanted
            self._place_pane()

    def enlarge_tree(self, is_enlarged: bool) -> None:
        """Show no pane beside the tree, or show it again."""
        self._is_tree_enlarged = is_enlarged
        self._place_pane()

    @property
    def pane_has_focus(self) -> bool:
        """Whether keys go to the details."""
        return self._pane.has_focus

    def toggle_full(self) -> None:
        """Show the details in place of the tree, or the tree again."""
        if self._row is None and not self.is_full:
            return
        self.is_full = not self.is_full
        self.screen.set_class(self.is_full, "-details")
        self._place_pane()

    def _place_pane(self) -> None:
        """Place the pane, and give the focus to the full-page details or back to the tree."""
        where, size = Place("nowhere") if self._is_tree_enlarged else place(*self.app.size)
        is_docked = self.is_wanted and not self.is_full and where != "nowhere"
        had_focus = self._pane.has_focus
        if (self.is_full, is_docked) != (self.has_class("-full"), self.has_class("-open")):
            self._shown = None  # details that open begin at the top, also those of the row that was shown last
        self._pane.is_page = self.is_full
        self.set_class(self.is_full, "-full")
        self.set_class(is_docked, "-open")
        self.set_class(is_docked and where == "right", "-right")
        self._pane.has_rule_at_left = is_docked and where == "right"
        self._pane.styles.width = size if is_docked and where == "right" else "1fr"
        if is_docked and where == "below":
            self._lines_below = 0
            self._fit_pane()
        else:
            self._pane.styles.height = "1fr"
        if self.is_full:
            self._pane.focus()
        elif had_focus:
            self._tree[-1].focus()
        self._update()

    @property
    def spare_lines(self) -> int:
        """The lines that a pane below the tree has beyond its usual ones: the tree gets them if it has the rows."""
        where, usual = place(*self.app.size)
        is_below = self.has_class("-open") and where == "below"
        return max(0, self._pane.size.height - usual) if is_below else 0

    def _fit_pane(self) -> None:
        """Give a pane below the tree the lines that the rows leave."""
        where, usual = place(*self.app.size)
        if not self.has_class("-open") or where != "below":
            return
        *others, table = self._tree
        rows = len(table.rows) if isinstance(table, RowTable) else 0
        spare = self.size.height - sum(widget.outer_size.height for widget in others) - rows
        if (lines := lines_below(usual, self._lines_below, spare)) != self._lines_below:
            self._lines_below = lines
            self._pane.styles.height = lines

    def on_mount(self) -> None:
        """Place the pane, so that the first drawing has it."""
        self._place_pane()

    def on_resize(self, event: events.Resize) -> None:
        """Place the pane for the new size."""
        del event
        self._place_pane()

    def on_details_pane_left(self) -> None:
        """Go back to the tree."""
        if self.is_full:
            self.toggle_full()
        else:
            self._tree[-1].focus()

    def ask_for_call_stack(self) -> bool:
        """Request the call stack of the selected thread, and show its details.

        Returns
        -------
        bool
            Whether a thread is selected.
        """
        row = self._row
        if not isinstance(row, ThreadRow):
            return False
        self._stack = Stack(row.key)
        if not (self.is_full or self.has_class("-open")):
            self.toggle_full()
        self._update()
        question = CallStack(worker_address=row.worker.address, thread_native_id=row.thread.native_id)
        self._queries.ask(question, self)
        return True

    def on_answered(self, message: Answered) -> None:
        """Show what a pending job waits for, or a call stack if it is the one that was requested last."""
        question, answer = message.answer.question, message.answer
        if question in self._asked:
            self._answers[question] = answer
            self._update()
        elif isinstance(question, CallStack):
            key: Key = ("thread", question.worker_address, question.thread_native_id)
            if key == self._stack.key:
                self._stack = Stack(key, answer.lines, answer.running, answer.error)
                self._update()
