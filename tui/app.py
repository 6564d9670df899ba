"""The screen: shows the snapshots that a feed hands over. Does no I/O, and never waits for the feed."""

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from dasktop.collectors.feed import Choice, Event, Failure, Feed
from dasktop.collectors.model import Snapshot
from dasktop.tui.folds import Folds
from dasktop.tui.footer import KeyLine
from dasktop.tui.glyphs import glyphs
from dasktop.tui.header import ColumnHeads, Header
from dasktop.tui.help import Help
from dasktop.tui.picker import Picker
from dasktop.tui.rows import visible_rows
from dasktop.tui.summary import empty_words
from dasktop.tui.theme import THEME
from dasktop.tui.tree_table import TreeTable


class SnapshotArrived(Message):
    """The feed handed over a snapshot; the newest replaces those that were not shown yet."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Tell whether this one may be dropped for the next in the queue."""
        return isinstance(message, SnapshotArrived)


class ChoiceArrived(Message):
    """The feed found several schedulers."""

    def __init__(self, choice: Choice) -> None:
        super().__init__()
        self.choice = choice


class FailureArrived(Message):
    """The feed has nothing to show, and won't."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


class DasktopApp(App[None]):
    """The screen on a feed.

    Parameters
    ----------
    feed
        Started when the screen is up, stopped when it ends.
    read_only
        Whether the user is told that nothing can be changed from here.
    unicode
        Whether the terminal shows more than ASCII.

    Attributes
    ----------
    failure
        After the end: why there was nothing to show, or ``None``. ``return_code`` is then its exit status.
    """

    TITLE = "dasktop"
    CSS = """
    .box { border: round $border; background: $background; }
    DasktopApp.-ascii .box { border: ascii $border; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("asterisk", "fold_all", "all", key_display="*", id="fold_all"),
        Binding("r", "refresh_now", "refresh", id="refresh"),
        Binding("question_mark", "help", "help", key_display="?", id="help"),
        Binding("q", "quit", "quit", id="quit"),
        Binding("ctrl+c", "quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False),
    ]

    def __init__(self, feed: Feed, read_only: bool = False, *, unicode: bool = True) -> None:
        super().__init__(ansi_color=True)  # from the start: Textual chooses its filter for NO_COLOR here
        self.failure: Failure | None = None
        self.animation_level = "none"
        self.register_theme(THEME)
        self.theme = THEME.name
        self._feed = feed
        self._read_only = read_only
        self._glyphs = glyphs(unicode=unicode)
        self.set_class(not unicode, "-ascii")
        self._folds = Folds()
        self._snapshot: Snapshot | None = None
        self._watched: frozenset[str] = frozenset()

    def compose(self) -> ComposeResult:
        """Build the screen from top to bottom."""
        self._header = Header(self._glyphs, read_only=self._read_only)
        self._table = TreeTable(self._glyphs)
        yield self._header
        yield ColumnHeads(self._glyphs)
        yield self._table
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin to listen."""
        self.app_resume_signal.subscribe(self, self._repaint)
        self._feed.start(self._deliver)

    def on_unmount(self) -> None:
        """Stop the feed, however the screen ends."""
        self._feed.stop()

    def _repaint(self, _app: App[None]) -> None:
        """Draw everything: while the program was stopped (ctrl+z), the terminal showed something else."""
        self.refresh(layout=True)

    def _deliver(self, event: Event) -> None:
        """Take an event from the feed's thread."""
        match event:
            case Snapshot():
                self.post_message(SnapshotArrived(event))
            case Choice():
                self.post_message(ChoiceArrived(event))
            case Failure():
                self.post_message(FailureArrived(event))

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        """Show a snapshot."""
        self._snapshot = message.snapshot
        self._header.show(message.snapshot)
        self._show_rows()

    def on_choice_arrived(self, message: ChoiceArrived) -> None:
        """Ask which scheduler."""
        count = len(message.choice.candidates)

        def answer(address: str | None) -> None:
            if address is None:
                self._fail(Failure(message=f"there are {count} schedulers, and none was chosen"))
            else:
                self._feed.choose(address)

        self.push_screen(Picker(message.choice.candidates, self._glyphs), answer)

    def on_failure_arrived(self, message: FailureArrived) -> None:
        """End, and leave word why."""
        self._fail(message.failure)

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        self.exit(return_code=failure.exit_status)

    def _show_rows(self) -> None:
        if self._snapshot is None:
            return
        self._folds.adapt(self._snapshot, self._table.size.height)
        rows = visible_rows(self._snapshot, self._folds.is_unfolded)
        self._table.show(rows, self._snapshot.taken_at, empty_words(self._snapshot))
        watched = frozenset(str(row.key[1]) for row in rows if row.kind == "worker" and row.unfolded)
        if watched != self._watched:
            self._watched = watched
            self._feed.watch_threads(watched)

    def on_tree_table_fold_chosen(self, message: TreeTable.FoldChosen) -> None:
        """Fold or unfold one row."""
        self._folds.freeze()
        self._folds.choose(message.key, message.unfolded)
        self._show_rows()

    def on_tree_table_moved(self) -> None:
        """From now on the user is at home here: nothing folds by itself any more."""
        self._folds.freeze()

    def on_tree_table_resized(self) -> None:
        """Weigh again what can be seen at once."""
        self._show_rows()

    def action_fold_all(self) -> None:
        """Unfold all jobs, or fold them when they are."""
        if self._snapshot is not None:
            rows = visible_rows(self._snapshot, self._folds.is_unfolded)
            self._folds.choose_all(any(row.kind == "job" and row.depth == 0 and row.unfolded is False for row in rows))
            self._show_rows()

    def action_refresh_now(self) -> None:
        """Ask all sources now."""
        self._feed.refresh()

    def action_help(self) -> None:
        """Show the help."""
        self.push_screen(Help(self._glyphs))
