"""The page with all findings and source errors: a table, and details of the selected row. Follows the snapshots."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple, cast

from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.collectors.text.patterns import remark
from dasktop.tui.dialogs.sorted_page import SortedTablePage, SortedView
from dasktop.tui.dialogs.table_page import TableHeads
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.prose import Section
from dasktop.tui.draw.text_width import cut
from dasktop.tui.view import help_rows
from dasktop.tui.view.dismissed import Dismissed, dismissed_words
from dasktop.tui.view.finding_actions import FindingAction, action_of, log_of
from dasktop.tui.view.finding_columns import (
    MEANINGS,
    FindingLayout,
    FindingTexts,
    finding_column_at,
    finding_heads,
    finding_line,
    finding_texts,
    fit_finding_layout,
    in_order,
    shown_columns,
    widest_about,
)
from dasktop.tui.view.finding_rows import (
    FindingRow,
    FindingsRow,
    SourceErrorRow,
    finding_rows,
    finding_sections,
    finding_title,
    identity_of,
    summary,
)
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.keys import NO_KEYMAP, Keymap, first_key
from dasktop.tui.view.rows import Key
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.footer import Entry
from dasktop.tui.widgets.lines import Lines
from dasktop.tui.widgets.row_table import RowTable

_FOLDS = frozenset({"fold_all", "fold_to"})


class _Look(NamedTuple):
    """Everything that determines how a line looks."""

    texts: FindingTexts
    layout: FindingLayout


class FindingsView(SortedView):
    """How the user wants the findings shown; kept while the page is closed."""

    selected: Key | None
    """The row from which the user went to what it is about; ``None`` if the page was closed otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.selected: Key | None = None


class FindingsTable(RowTable[FindingsRow]):
    """The rows of the page. They have no folds."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._now = datetime.min
        self._widest = 0
        self._layout_of_columns = fit_finding_layout(0)

    def show(self, rows: Sequence[FindingsRow], now: datetime, message: str) -> None:
        """Show these rows; the message if there are none."""
        self._now, self._widest = now, widest_about(rows)
        self.fit_columns()
        self.show_rows(rows, message)

    def fit_columns(self) -> None:
        """Fit the columns into the width."""
        self._layout_of_columns = fit_finding_layout(self.cells, self._widest)

    def look_of(self, row: FindingsRow) -> _Look:
        """Return everything that determines how a row is drawn."""
        return _Look(finding_texts(row, self._now), self._layout_of_columns)

    def pieces_of(self, row: FindingsRow, look: object) -> list[Piece]:
        """Return the line of a row."""
        del row
        look = cast("_Look", look)
        return finding_line(look.texts, look.layout, self._glyphs)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the keys that fold and go to parents."""
        del parameters
        return action not in ("toggle_fold", "parent", "fold", "unfold")


class _Foot(Lines):
    """How many findings are dismissed."""

    DEFAULT_CSS = "_Foot { height: 0; }"

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._words = ""

    def show(self, words: str) -> None:
        """Show these words; empty: no line."""
        self._words = words
        self.update()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the line."""
        return [[Piece(self._glyphs.encode(cut(f" {self._words}", cells)), "quiet")]] if self._words else []


class FindingsPage(SortedTablePage[FindingsRow]):
    """The findings, the worst first, the errors of sources, and right below them details of the selected row.

    Parameters
    ----------
    snapshot
        The snapshot that is shown.
    view
        The filter and the selection; changed by keys.
    why_not
        Returns why an action is not possible; empty: it is.
    dismissed
        Findings that are left out and counted; changed by keys.
    selected
        The finding to select at first; ``None``: that of the view.
    keymap
        Keys that replace those of the key table.
    """

    class GoTo(Message):
        """The user wants to see what a finding is about."""

        def __init__(self, finding: Finding) -> None:
            super().__init__()
            self.finding = finding

    class Act(Message):
        """The user wants to carry out an action."""

        def __init__(self, finding: Finding, action: FindingAction) -> None:
            super().__init__()
            self.finding = finding
            self.action = action

    class DismissedChanged(Message):
        """Other findings are dismissed now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the details pane, whose key it is, too.
        *bound(priority=True, go_to_row="go_to"),
        *bound(act="act", dismiss="dismiss_finding", undismiss="undismiss"),
        *bound(toggle_details=("toggle_details", "details"), log=("log", "")),
        *bound(findings=("back", ""), failures=("app.failures", ""), work=("app.work", "")),
        # On a narrow screen, their labels would take the room of the keys above.
        *bound(sort=("sort(1)", ""), reverse="reverse"),
        *bound(filter=("filter", ""), pause=("app.pause", ""), refresh=("app.refresh_now", "")),
    ]
    DEFAULT_CSS = """
    FindingsPage.-docked FindingsTable { height: auto; min-height: 3; max-height: 60%; }
    FindingsPage.-docked DetailsPane { height: 1fr; }
    """
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.FINDINGS
    EXPLAINED = MEANINGS
    DETAILS_FROM_LINES = 20

    def __init__(
        self,
        snapshot: Snapshot,
        glyphs: Glyphs,
        view: FindingsView,
        dismissed: Dismissed,
        why_not: Callable[[FindingAction], str],
        selected: Finding | None = None,
        keymap: Keymap = NO_KEYMAP,
    ) -> None:
        table = FindingsTable(glyphs)
        super().__init__("findings", glyphs, snapshot, view, table, "text or regex · !exclude")
        self._rows_table = table
        self._heads = TableHeads(glyphs)
        self._findings_view = view
        self._dismissed = dismissed
        self._why_not = why_not
        self._first = selected
        self._keys = keymap
        self._foot = _Foot(glyphs)
        self._shown_action = ""

    def above(self) -> Sequence[Widget]:
        """Return the summary and the column heads."""
        return (self._heads,)

    def below(self) -> Sequence[Widget]:
        """Return the number of dismissed findings."""
        return (self._foot,)

    def select_at_first(self) -> None:
        """Select the finding that was clicked or that the user went away from, else the worst one."""
        key, self._findings_view.selected = self._findings_view.selected, None
        if self._first is not None:
            wanted = identity_of(self._first)
            same = (
                row for row in self.table.rows if isinstance(row, FindingRow) and identity_of(row.finding) == wanted
            )
            key = next((row.key for row in same), key)
        if key is not None:
            self.table.select_key(key)

    def show_table(self) -> None:
        """Show the findings and source errors of the snapshot."""
        snapshot, pattern = self._snapshot, self._view.pattern
        findings = self._dismissed.remaining(snapshot.findings)
        rows = finding_rows(snapshot, findings)
        counts = summary(rows)
        number = len(snapshot.findings) - len(findings)
        self._foot.show(dismissed_words(number, first_key("undismiss", self._keys)))
        message = "No other findings." if number else "No findings."
        if pattern and rows:
            rows, message = finding_rows(snapshot, findings, pattern), f"nothing matches {pattern}{remark(pattern)}"
        widest = widest_about(rows)
        order = self.order
        rows = in_order(rows, order.sort, is_reversed=order.is_reversed)
        self._heads.show(
            counts,
            lambda cells: finding_heads(fit_finding_layout(cells, widest), order.sort, is_reversed=order.is_reversed),
            lambda cell, cells: finding_column_at(cell, fit_finding_layout(cells, widest)),
        )
        self._rows_table.show(rows, snapshot.taken_at, message)
        self._label_action()

    def sort_heads(self) -> Mapping[str, str]:
        """Return the columns that are shown, from left to right: name and head."""
        return shown_columns(fit_finding_layout(self.table.cells, widest_about(self.table.rows)))

    def hits(self) -> tuple[int, int]:
        """Return how many findings and source errors match the filter, of how many."""
        findings = self._dismissed.remaining(self._snapshot.findings)
        return len(self.table.rows), len(finding_rows(self._snapshot, findings))

    def _label_action(self) -> None:
        """Show the name of the possible action beside its key."""
        action = self._possible_action
        short = action.short if action is not None else ""
        if short != self._shown_action:
            self._shown_action = short
            self.refresh_bindings()

    def details_of(self, row: FindingsRow) -> tuple[str, Sequence[Section]]:
        """Return the heading and the details of a row."""
        action = self._possible_action
        return finding_title(row), finding_sections(row, self._snapshot.taken_at, self._keys, action)

    @property
    def _action(self) -> FindingAction | None:
        row = self.table.selected
        return action_of(row.finding) if isinstance(row, FindingRow) else None

    @property
    def _possible_action(self) -> FindingAction | None:
        action = self._action
        return action if action is not None and not self._why_not(action) else None

    def label_of(self, entry: Entry) -> str:
        """Name the action of the selected finding, if there is one."""
        if entry.key_id != "act":
            return super().label_of(entry)
        return self._shown_action

    def on_row_table_moved(self, message: RowTable.Moved) -> None:
        """Remember the selected row."""
        del message
        self._remember()

    def _remember(self) -> None:
        self._label_action()
        self._findings_view.selected = None if self.table.selected is None else self.table.selected.key

    def open_selected(self) -> None:
        """Go to what the selected finding is about."""
        self.action_go_to()

    def keys_for(self, row: FindingsRow) -> Sequence[str]:
        """Return the ids of the keys that apply to a row."""
        if not isinstance(row, FindingRow):
            return ("toggle_details",)
        action, log = self._possible_action, log_of(row.finding)
        act = ("act",) if action is not None else ()
        shows_log = log is not None and (action is None or action.key_id != "log") and not self._why_not(log)
        return ("go_to_row", *act, *(("log",) if shows_log else ()), "dismiss", "toggle_details")

    def words_for(self, key_id: str) -> str:
        """Return what carrying out the advice does."""
        action = self._possible_action
        return f"{action.does}{action.asks}" if key_id == "act" and action is not None else ""

    def action_go_to(self) -> None:
        """Go to what the selected finding is about."""
        match self.table.selected:
            case FindingRow(finding=finding):
                self.post_message(self.GoTo(finding))
            case SourceErrorRow():
                self.refuse("an error of a source is about no row")

    def action_act(self) -> None:
        """Carry out the advice of the selected finding, or say why not."""
        row, action = self.table.selected, self._action
        if not isinstance(row, FindingRow):
            self.refuse("an error of a source has no advice")
        elif action is None:
            self.refuse("no key carries out this advice" if row.finding.advice else "there is no advice")
        elif reason := self._why_not(action):
            self.refuse(reason)
        else:
            self.post_message(self.Act(row.finding, action))

    def action_log(self) -> None:
        """Show the log of the job that the selected finding is about, or say why not."""
        row = self.table.selected
        log = log_of(row.finding) if isinstance(row, FindingRow) else None
        if not isinstance(row, FindingRow) or log is None:
            self.refuse("no log to show: it is not about one job")
        elif reason := self._why_not(log):
            self.refuse(reason)
        else:
            self.post_message(self.Act(row.finding, log))

    def action_dismiss_finding(self) -> None:
        """Dismiss the selected finding until it changes."""
        match self.table.selected:
            case FindingRow(finding=finding):
                self._dismissed.dismiss(finding, self._snapshot.taken_at)
                self._show_remaining()
            case SourceErrorRow():
                self.refuse("errors of sources cannot be dismissed: they are in the header")

    def action_undismiss(self) -> None:
        """Show the dismissed findings again."""
        self._dismissed.forget()
        self._show_remaining()

    def action_back(self) -> None:
        """Close the page; when it is opened again, the worst finding is selected."""
        self._findings_view.selected = None
        super().action_back()

    def _show_remaining(self) -> None:
        self.show(self._snapshot)
        self._remember()
        self.post_message(self.DismissedChanged())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the keys that fold, and keys that a text field takes."""
        if action == "go_to" and isinstance(self.focused, Input):
            return False
        return action not in _FOLDS and super().check_action(action, parameters)
