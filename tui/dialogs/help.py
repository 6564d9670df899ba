"""The help: the keys of the current page, and the meaning of the columns. Changes nothing."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Static

from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.text_width import fit, width, wrap
from dasktop.tui.view.columns import COLUMNS, ColumnName
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.keys import ANYWHERE, keys_words
from dasktop.tui.widgets.bindings import Bound, bound, bound_now
from dasktop.tui.widgets.details_pane import more_words

Table = tuple[tuple[str, str], ...]

_KEYS_CELLS = 9
_CELLS = 76
_CELLS_AROUND = 5
"""The border, one space at each side, and a scrollbar."""

_EXPLAINED: tuple[ColumnName, ...] = ("cpu", "memory", "busy", "now", "left")
MARKS = (
    *((COLUMNS[name].head, COLUMNS[name].meaning) for name in _EXPLAINED),
    ("~", "of a job or worker: matched by a name or a host, not confirmed; before a time: the mean of such tasks"),
    ("–", "unknown"),
)


class Help(Dialog[None]):
    """The keys of a screen; for the tree and pages with columns, also their meaning (``EXPLAINED``).

    Parameters
    ----------
    about
        The screen whose keys are listed.
    """

    DEFAULT_CSS = """
    Help { align: center middle; }
    Help > VerticalScroll {
        width: 76; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
        border-title-style: bold; scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(
        close_help="dismiss(None)", leave="dismiss(None)", back=("dismiss(None)", "close")
    )

    def __init__(self, about: Screen[Any], glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._tables = tables_about(about)

    def compose(self) -> ComposeResult:
        """Create the text widget."""
        with VerticalScroll(classes="box") as box:
            box.border_title = "dasktop"
            yield Static()

    def on_mount(self) -> None:
        """Keep the number of lines out of view up to date."""
        box = self.query_one(VerticalScroll)
        self.watch(box, "scroll_y", self._show_more, init=False)
        self.watch(box, "virtual_size", self._show_more, init=False)

    def _show_more(self) -> None:
        box = self.query_one(VerticalScroll)
        more = more_words(round(box.scroll_y), round(box.max_scroll_y - box.scroll_y))
        box.border_title = "  ".join(filter(None, ("dasktop", self._glyphs.encode(more))))

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the text for the available width."""
        cells = min(_CELLS, event.size.width) - _CELLS_AROUND
        self.query_one(Static).update(help_text(self._tables, cells, self._glyphs))
        self.call_after_refresh(self._show_more)


def tables_about(screen: Screen[Any]) -> list[Table]:
    """Return the keys of a screen, starting with those of the focused widget."""
    found = bound_now(screen)
    tables: list[Table] = []
    for node in dict.fromkeys(one.node for one in found):
        tables += _tables_of(node, [one for one in found if one.node is node])
    if any(isinstance(one.node, App) for one in found):
        return [*tables, MARKS]
    app: App[Any] = screen.app
    below = bound_now(app.screen_stack[0])
    explained: Table = getattr(screen, "EXPLAINED", ())
    tables += [explained] if explained else []
    return [*tables, *_tables_of(app, [one for one in below if one.key_id in ANYWHERE])]


def _tables_of(node: DOMNode, found: Sequence[Bound]) -> Iterator[Table]:
    keys = {one.key_id: one.keys for one in found}
    groups: HelpGroups = getattr(node, "HELP_ROWS", ())
    for group in groups:
        rows = [(row.description, [keys[key_id] for key_id in row.ids if key_id in keys]) for row in group]
        if any(keys_of_row for _, keys_of_row in rows):
            yield tuple((keys_words(of_row, _KEYS_CELLS), words) for words, of_row in rows if of_row)


def help_text(tables: Sequence[Table], cells: int, glyphs: Glyphs) -> Content:
    """Return the tables as text for a width of `cells`: left column bold, right column wrapped."""
    indent = max((width(left) for table in tables for left, _ in table), default=0) + 2
    parts: list[Content | tuple[str, str] | str] = []
    for number, table in enumerate(tables):
        parts.append("\n" if number else "")
        for left, right in table:
            words = f"\n{' ' * indent}".join(wrap(right, max(1, cells - indent)))
            parts += [(glyphs.encode(fit(left, indent)), "bold"), f"{glyphs.encode(words)}\n"]
    return Content.assemble(*parts).rstrip()
