"""Which columns fit into a width, and one row's cells laid out in them as pieces of text with a role. Pure.

A role says what a piece means; which colour that is, only the screen knows.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from dasktop.tui.bars import bar
from dasktop.tui.cells import Cells
from dasktop.tui.glyphs import Glyphs
from dasktop.tui.rows import Kind, Row
from dasktop.tui.text_width import cut_left, cut_middle, fit, settle, width

Role = Literal["text", "strong", "quiet", "good", "waiting", "bad", "cpu", "memory", "full", "soon", "head", "key"]

FULL_PERCENT = 90
"""From here on a bar of memory warns."""

INDENT = 2
"""Cells a level of the tree; the fold marker takes as many."""

_FIGURE = 4
_WIDEST_LABEL = 60
_WIDEST_BAR = 20


class Piece(NamedTuple):
    """Some text of one role."""

    text: str
    role: Role = "text"


class Layout(NamedTuple):
    """How wide each column is, in cells, from left to right; 0 leaves a column out."""

    label: int
    state: int = 10
    node: int = 0
    cpu_bar: int = 0
    cpu: int = _FIGURE
    memory_bar: int = 0
    memory: int = _FIGURE
    memory_bytes: int = _FIGURE
    busy: int = 7
    left: int = 8
    gap: int = 1
    is_endless: bool = False
    """Whether the last words of a line may run on."""

    @property
    def columns(self) -> dict[str, int]:
        """The widths of the columns that show, but for the label's."""
        widths = {
            "state": self.state,
            "node": self.node,
            "cpu": _joined(self.cpu_bar, self.cpu),
            "memory": _joined(self.memory_bar, self.memory, self.memory_bytes),
            "busy": self.busy,
            "left": self.left,
        }
        return {name: cells for name, cells in widths.items() if cells}

    @property
    def cells(self) -> int:
        """The width of a whole line, with a margin of one cell on the left."""
        return 1 + self.label + sum(self.gap + cells for cells in self.columns.values())


# From rich to poor: the first that fits is taken.
_LAYOUTS = (
    Layout(label=40, state=13, node=12, cpu_bar=10, memory_bar=10, gap=2),
    Layout(label=36, node=10, cpu_bar=8, memory_bar=8, gap=2),
    Layout(label=30, node=9, cpu_bar=6, memory_bar=6),
    Layout(label=25, cpu_bar=4, memory_bar=4),
    Layout(label=24, cpu_bar=4),
    Layout(label=22),
    Layout(label=20, state=9, memory_bytes=0),
    Layout(label=18, state=9, memory_bytes=0, left=0),
    Layout(label=16, state=9, memory_bytes=0, left=0, busy=0),
    Layout(label=12, state=9, memory=0, memory_bytes=0, left=0, busy=0),
    Layout(label=8, state=9, cpu=0, memory=0, memory_bytes=0, left=0, busy=0),
)


def fit_layout(cells: int) -> Layout:
    """Return the richest layout that fits into so many cells, with what is left over spread over it."""
    for layout in _LAYOUTS:
        if layout.cells <= cells:
            return _spread(layout, cells - layout.cells)
    return _LAYOUTS[-1]._replace(label=max(1, cells - 1), state=0)


def endless_layout(label: int, state: int, node: int) -> Layout:
    """Return a layout for texts of these widths, which cuts nothing."""
    return _LAYOUTS[0]._replace(label=label, state=state, node=node, is_endless=True)


def _spread(layout: Layout, spare: int) -> Layout:
    """Widen the label, up to where that stops helping, and then the bars."""
    more = min(spare, _WIDEST_LABEL - layout.label)
    layout, spare = layout._replace(label=layout.label + more), spare - more
    if layout.cpu_bar and layout.memory_bar:
        more = min(spare // 2, _WIDEST_BAR - layout.cpu_bar)
        layout = layout._replace(cpu_bar=layout.cpu_bar + more, memory_bar=layout.memory_bar + more)
    return layout


def heads(layout: Layout) -> list[Piece]:
    """Return the line above the columns."""
    text = " " + fit(_label_head(layout.label), layout.label)
    for name, cells in layout.columns.items():
        words, align = _HEADS[name]
        text += " " * layout.gap + fit(words, cells, align)
    return [Piece(text, "head")]


_HEADS: dict[str, tuple[str, Literal["left", "right"]]] = {
    "state": ("STATE", "left"),
    "node": ("NODE", "left"),
    "cpu": ("CPU", "left"),
    "memory": ("MEM", "left"),
    "busy": ("BUSY", "right"),
    "left": ("LEFT", "right"),
}


def _label_head(cells: int) -> str:
    """Return as many of the tree's levels as there is room for."""
    levels = [" " * INDENT + "JOB", "TASK", "WORKER", "THREAD"]
    while len(levels) > 1 and len(" · ".join(levels)) > cells:
        levels.pop()
    return " · ".join(levels)


def line(row: Row, cells: Cells, layout: Layout, glyphs: Glyphs) -> list[Piece]:
    """Return one row laid out, neighbours of one role as one piece."""
    columns = _columns(cells, layout, glyphs)
    if cells.note:
        columns = _with_note(columns, cells, layout)
    pieces = [_label(row, cells, layout, glyphs)]
    for column in columns.values():
        pieces += [Piece(" " * layout.gap), *column]
    return _merged(Piece(glyphs.own(text), role) for text, role in pieces)


_LABEL_ROLES: dict[Kind, Role] = {
    "job": "strong",
    "outside": "strong",
    "others": "quiet",
    "task": "quiet",
    "worker": "text",
    "thread": "quiet",
    "asking": "quiet",
}


def _label(row: Row, cells: Cells, layout: Layout, glyphs: Glyphs) -> Piece:
    marker = "" if row.unfolded is None else glyphs.unfolded if row.unfolded else glyphs.folded
    start = " " * INDENT * row.depth + fit(marker, INDENT)
    words = cells.label
    if row.kind == "task" and not layout.node and cells.node:
        words += f"  {cells.node}"
    room = layout.label - len(start)
    words = cut_middle(words, room) if row.kind == "worker" else words
    role = "quiet" if row.kind == "job" and cells.tone == "quiet" else _LABEL_ROLES[row.kind]
    if row.kind == "thread" and (cells.cpu_percent or 0) > 0:
        role = "text"
    return Piece(fit(" " + start + words, 1 + layout.label), role)


def _columns(cells: Cells, layout: Layout, glyphs: Glyphs) -> dict[str, list[Piece]]:
    """Return each column that shows, exactly as wide as it is to be."""
    widths = layout.columns
    columns: dict[str, list[Piece]] = {}
    for name, column in widths.items():
        match name:
            case "state":
                columns[name] = [Piece(fit(cells.state, column), "text" if cells.tone == "plain" else cells.tone)]
            case "node":
                columns[name] = [Piece(fit(cut_left(cells.node, column), column))]
            case "cpu":
                columns[name] = _gauge(cells.cpu_percent, layout.cpu_bar, "cpu", glyphs)
                columns[name].append(Piece(_figures((cells.cpu, layout.cpu))))
            case "memory":
                role: Role = "full" if (cells.memory_percent or 0) >= FULL_PERCENT else "memory"
                columns[name] = _gauge(cells.memory_percent, layout.memory_bar, role, glyphs)
                figures = _figures((cells.memory, layout.memory), (cells.memory_bytes, layout.memory_bytes))
                columns[name].append(Piece(figures))
            case "busy":
                columns[name] = [Piece(fit(cells.busy, column, "right"))]
            case "left":
                columns[name] = [Piece(fit(cells.left, column, "right"), "soon" if cells.ends_soon else "text")]
    return columns


def _gauge(percent: int | None, cells: int, role: Role, glyphs: Glyphs) -> list[Piece]:
    """Return a bar and the space behind it; blank where there is nothing to show."""
    if not cells:
        return []
    text = " " * cells if percent is None else bar(percent, cells, glyphs)
    return [Piece(text, role), Piece(" ")]


def _figures(*figures: tuple[str, int]) -> str:
    return " ".join(fit(text, cells, "right") for text, cells in figures if cells)


def _with_note(columns: dict[str, list[Piece]], cells: Cells, layout: Layout) -> dict[str, list[Piece]]:
    """Put a row's words where columns have nothing to say.

    A state that is longer than its column takes part, so that it can be read in full.
    """
    widths = layout.columns
    words = cells.note
    silent = {"cpu", "memory", "busy"}
    silent |= {"node"} if not cells.node else set()
    silent |= {"left"} if not cells.left else set()
    if "state" in widths and width(settle(cells.state)) > widths["state"] and not cells.node:
        silent.add("state")
        words = f"{cells.state}  {words}"
    taken = [name for name in columns if name in silent]
    if not taken:
        return columns
    room = sum(widths[name] for name in taken) + layout.gap * (len(taken) - 1)
    if layout.is_endless and taken[-1] == list(columns)[-1]:
        room = max(room, width(settle(words)))
    takes_tone = "state" in taken or cells.tone == "quiet"
    role: Role = cells.tone if takes_tone and cells.tone != "plain" else "text"
    noted = {name: column for name, column in columns.items() if name not in taken or name == taken[0]}
    noted[taken[0]] = [Piece(fit(words, room), role)]
    return noted


def _joined(*widths: int) -> int:
    """Return the width of parts with one space between each two."""
    widths = tuple(cells for cells in widths if cells)
    return sum(widths) + len(widths) - 1 if widths else 0


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Join neighbours of one role: every change of style costs bytes on the way to the terminal.

    Spaces have no colour to show, so they join whatever they follow.
    """
    merged: list[Piece] = []
    for piece in pieces:
        if merged and (piece.role == merged[-1].role or not piece.text.strip(" ")):
            merged[-1] = Piece(merged[-1].text + piece.text, merged[-1].role)
        else:
            merged.append(piece)
    return merged
