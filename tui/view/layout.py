"""Column widths for a screen width, and a row as pieces of text with roles. Pure.

A role is the meaning of a piece; the theme maps it to a colour.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from dasktop.tui.draw.bars import bar
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.task_keys import cut_key
from dasktop.tui.draw.text_width import cut_left, cut_middle, fit, printable, width
from dasktop.tui.view.cell_values import Cells
from dasktop.tui.view.columns import COLUMNS, DEFAULT_COLUMNS, ColumnName, SortName
from dasktop.tui.view.now import now_pieces
from dasktop.tui.view.rows import Kind, Row

MARK = "*"
"""Shown in the margin of a marked job."""

INDENT = 2
"""Cells per level of the tree; also the width of the fold marker."""

TREE_LEVELS = ("JOB", "TASK", "WORKER", "THREAD")
FLAT_LEVELS = ("JOB WORKER", "THREAD")
"""What the labels are, from the top level down; those of a flat list begin with the job of the worker."""

_KEY_TAIL = 6
_FIGURE = 4
_GROWTH = ((28, 8, 20), (34, 12, 20), (40, 16, 24), (50, 20, 32), (60, 32, 40), (75, 40, 48))
"""Maximum widths of label, bars and what runs now, growing step by step: figures far from their labels are hard to
read."""


class Layout(NamedTuple):
    """The width of each column in cells, from left to right; 0: left out."""

    label: int
    state: int = 10
    node: int = 0
    cpu_bar: int = 0
    cpu: int = _FIGURE
    memory_bar: int = 0
    memory: int = _FIGURE
    memory_bytes: int = _FIGURE
    busy: int = 7
    now: int = 0
    left: int = 8
    gap: int = 1
    is_endless: bool = False
    """Whether the last text of a line may exceed its column."""
    chosen: tuple[ColumnName, ...] = DEFAULT_COLUMNS
    """The columns that may be shown, from left to right."""

    @property
    def columns(self) -> dict[ColumnName, int]:
        """The widths of the columns that are shown, without the label."""
        widths = {name: column.cells for name, column in COLUMNS.items()} | {
            "state": self.state,
            "node": self.node,
            "cpu": _joined(self.cpu_bar, self.cpu),
            "memory": _joined(self.memory_bar, self.memory, self.memory_bytes),
            "busy": self.busy,
            "now": self.now,
            "left": self.left,
        }
        return {name: widths[name] for name in self.chosen if widths[name]}

    @property
    def more(self) -> tuple[ColumnName, ...]:
        """The chosen columns of fixed width."""
        return tuple(name for name in self.chosen if COLUMNS[name].cells)

    @property
    def cells(self) -> int:
        """The width of a whole line, with a margin of one cell on the left."""
        return 1 + self.label + sum(self.gap + cells for cells in self.columns.values())


# From the widest to the narrowest; the first that fits is used. First, bars get shorter and NOW is left out, …
_ROOMY = (
    Layout(label=40, state=13, node=12, cpu_bar=10, memory_bar=10, now=20, gap=2),
    Layout(label=36, node=10, cpu_bar=8, memory_bar=8, now=16, gap=2),
    Layout(label=26, node=8, cpu_bar=8, memory_bar=8, now=16),
    Layout(label=36, node=10, cpu_bar=8, memory_bar=8, gap=2),
    Layout(label=30, node=9, cpu_bar=6, memory_bar=6),
    Layout(label=25, cpu_bar=4, memory_bar=4),
    Layout(label=24, cpu_bar=4),
    Layout(label=22),
)
# … then columns of fixed width are left out one by one, then the other columns.
_TIGHT = (
    Layout(label=20, state=9, memory_bytes=0),
    Layout(label=18, state=9, memory_bytes=0, left=0),
    Layout(label=16, state=9, memory_bytes=0, left=0, busy=0),
    Layout(label=12, state=9, memory=0, memory_bytes=0, left=0, busy=0),
    Layout(label=8, state=9, cpu=0, memory=0, memory_bytes=0, left=0, busy=0),
)


def fit_layout(cells: int, chosen: tuple[ColumnName, ...] = DEFAULT_COLUMNS) -> Layout:
    """Return the widest layout of these columns that fits into `cells`, with the remaining cells distributed."""
    for layout in _widest_first(chosen):
        if layout.cells <= cells:
            return _spread(layout, cells - layout.cells)
    return _TIGHT[-1]._replace(label=max(1, cells - 1), chosen=())


def _widest_first(chosen: tuple[ColumnName, ...]) -> Iterator[Layout]:
    yield from (layout._replace(chosen=chosen) for layout in _ROOMY)
    for optional in reversed(COLUMNS):
        if optional in chosen and COLUMNS[optional].cells:
            chosen = tuple(name for name in chosen if name != optional)
            yield _ROOMY[-1]._replace(chosen=chosen)
    yield from (layout._replace(chosen=chosen) for layout in _TIGHT)


def endless_layout(label: int, state: int, node: int, now: int) -> Layout:
    """Return a layout for texts of these widths that cuts nothing."""
    return _ROOMY[0]._replace(label=label, state=state, node=node, now=now, is_endless=True)


def _spread(layout: Layout, spare: int) -> Layout:
    """Widen the label and then the bars, up to the widths in `_GROWTH`."""
    for widest_label, widest_bar, widest_now in _GROWTH:
        more = min(spare, widest_label - layout.label)
        layout, spare = layout._replace(label=layout.label + more), spare - more
        if layout.cpu_bar and layout.memory_bar:
            more = min(spare // 2, widest_bar - layout.cpu_bar)
            bars = layout.cpu_bar + more, layout.memory_bar + more
            layout, spare = layout._replace(cpu_bar=bars[0], memory_bar=bars[1]), spare - 2 * more
        if "now" in layout.columns:
            more = min(spare, widest_now - layout.now)
            layout, spare = layout._replace(now=layout.now + more), spare - more
    return layout


def heads(
    layout: Layout, sorted_by: str | None = None, arrow: str = "", *, levels: Sequence[str] = TREE_LEVELS
) -> list[Piece]:
    """Return the line of column heads, with an arrow at the sort column; ``levels`` are those of the rows."""
    label = _label_head(layout.label - len(arrow), levels) + (arrow if sorted_by == "name" else "")
    text = " " + fit(label, layout.label)
    for name, cells in layout.columns.items():
        words = COLUMNS[name].head + (arrow if sorted_by == name else "")
        text += " " * layout.gap + fit(words, cells, COLUMNS[name].align)
    return [Piece(text, "head")]


def column_at(cell: int, layout: Layout) -> SortName | None:
    """Return the column at a cell of a line, ``name`` for the label; ``None`` after the last one."""
    end = 1 + layout.label
    if cell < end:
        return "name"
    for name, cells in layout.columns.items():
        end += layout.gap + cells
        if cell < end:
            return name
    return None


def _label_head(cells: int, levels: Sequence[str]) -> str:
    """Return the names of the levels, as many as fit."""
    names = list(levels)
    while len(names) > 1 and INDENT + len(" · ".join(names)) > cells:
        names.pop()
    return " " * INDENT + " · ".join(names)


def line(
    row: Row, cells: Cells, layout: Layout, glyphs: Glyphs, *, margin: Piece | None = None, is_context: bool = False
) -> list[Piece]:
    """Return one row as pieces, adjacent pieces of one role merged; with a mark in the margin, if given."""
    layout = _with_room_for_label(row, cells, layout)
    columns = _columns(cells, layout, glyphs)
    if cells.note:
        columns = _with_note(columns, cells, layout)
    pieces = _label(row, cells, layout, glyphs)
    if is_context:
        pieces = [piece._replace(role="quiet") for piece in pieces]
    if margin is not None:
        pieces = [margin, pieces[0]._replace(text=pieces[0].text[1:]), *pieces[1:]]
    for column in columns.values():
        pieces += [Piece(" " * layout.gap), *column]
    return _merged(Piece(glyphs.encode(text), role) for text, role in pieces)


def _with_room_for_label(row: Row, cells: Cells, layout: Layout) -> Layout:
    """Extend a label that would be cut into the state column, if that is empty or redundant.

    The state ``compute`` of a thread is redundant next to its task key.
    """
    has_state = bool(cells.state) and (row.kind, cells.state) != ("thread", "compute")
    is_cut = INDENT * (row.depth + 1) + width(printable(cells.label)) > layout.label
    if has_state or not is_cut or next(iter(layout.columns), None) != "state":
        return layout
    return layout._replace(label=layout.label + layout.gap + layout.state, state=0)


_LABEL_ROLES: dict[Kind, Role] = {
    "job": "strong",
    "outside": "strong",
    "earlier": "quiet",
    "left": "quiet",
    "gone": "quiet",
    "others": "quiet",
    "task": "quiet",
    "worker": "text",
    "thread": "quiet",
    "asking": "quiet",
    "idle": "quiet",
    "array": "strong",
}


def _label(row: Row, cells: Cells, layout: Layout, glyphs: Glyphs) -> list[Piece]:
    """Return the label with the margin before it; its end is quiet."""
    marker = "" if row.unfolded is None else glyphs.unfolded if row.unfolded else glyphs.folded
    start = " " * INDENT * row.depth + fit(marker, INDENT)
    words = cells.label
    if row.kind == "task" and _lacks_node(cells, layout):
        words += f"  {cells.node}"
    room = layout.label - len(start)
    if row.kind in ("worker", "gone"):
        words = cut_middle(words, room)
    elif row.kind == "thread":
        words = cut_key(words, room, _KEY_TAIL)
    role = "quiet" if row.kind == "job" and cells.tone == "quiet" else _LABEL_ROLES[row.kind]
    if row.kind == "thread" and (cells.cpu_percent or 0) > 0:
        role = "text"
    end = _label_end(cells, layout, room - width(printable(words))) if row.kind in ("job", "gone") else ""
    if not end:
        return [Piece(fit(" " + start + words, 1 + layout.label), role)]
    label = " " + start + printable(words)
    return [Piece(label, role), Piece(fit(end, 1 + layout.label - width(label)), "quiet")]


def _lacks_node(cells: Cells, layout: Layout) -> bool:
    """Return whether a node is to be shown beside the label, because its column is left out."""
    return "node" in layout.chosen and not layout.node and bool(cells.node)


def _label_end(cells: Cells, layout: Layout, room: int) -> str:
    """Return what follows the name of a job or worker, as far as there is room.

    That is its only SLURM task, its node, and a remark.
    """
    others = [part for part in (cells.step, cells.node if _lacks_node(cells, layout) else "") if part]
    for remark in (*filter(None, cells.remark), ""):
        for start in range(len(others) + 1):
            parts = [*others[start:], *([remark] if remark else [])]
            end = "".join(f" · {part}" for part in parts)
            if width(printable(end)) <= room:
                return end
    return ""


def _columns(cells: Cells, layout: Layout, glyphs: Glyphs) -> dict[ColumnName, list[Piece]]:
    """Return the pieces of each column that is shown, in exactly its width."""
    widths = layout.columns
    columns: dict[ColumnName, list[Piece]] = {}
    for name, column in widths.items():
        match name:
            case "state":
                columns[name] = [Piece(fit(cells.state, column), "text" if cells.tone == "plain" else cells.tone)]
            case "node":
                columns[name] = [Piece(fit(cut_left(cells.node, column), column))]
            case "cpu":
                gauge = _gauge(cells.cpu_percent, layout.cpu_bar, "cpu", glyphs)
                columns[name] = [*gauge, _figures(bool(gauge), (cells.cpu, layout.cpu))]
            case "memory":
                gauge = _gauge(
                    *(cells.memory_percent, layout.memory_bar, cells.memory_role, glyphs),
                    solid_percent=cells.managed_percent,
                    is_marked=cells.is_of_limit,
                )
                figures = (cells.memory, layout.memory), (cells.memory_bytes, layout.memory_bytes)
                columns[name] = [*gauge, _figures(bool(gauge), *figures)]
            case "busy":
                columns[name] = [Piece(fit(cells.busy, column, "right"))]
            case "now":
                columns[name] = now_pieces(cells.now, column)
            case "left":
                columns[name] = [Piece(fit(cells.left, column, "right"), "soon" if cells.ends_soon else "text")]
            case _:
                columns[name] = [Piece(fit(cells.more.get(name, ""), column, COLUMNS[name].align))]
    return columns


def _gauge(
    percent: int | None,
    cells: int,
    role: Role,
    glyphs: Glyphs,
    *,
    solid_percent: int | None = None,
    is_marked: bool = False,
) -> Sequence[Piece]:
    """Return a bar; blank if the value is unknown, and without pieces if it has no cells."""
    if percent is None or not cells:
        return (Piece(" " * cells),) if cells else ()
    return bar(percent, cells, role, glyphs, solid_percent=solid_percent, is_marked=is_marked)


def _figures(has_bar: bool, *figures: tuple[str, int]) -> Piece:
    """Return the figures beside a bar, with the space between, which is not part of the bar."""
    return Piece(" " * has_bar + " ".join(fit(text, cells, "right") for text, cells in figures if cells))


def _with_note(columns: dict[ColumnName, list[Piece]], cells: Cells, layout: Layout) -> dict[ColumnName, list[Piece]]:
    """Put a row's note into the widest run of adjacent empty columns.

    A state that is longer than its column joins the run, so that it is shown in full.
    """
    widths = layout.columns
    texts: dict[ColumnName, str] = {"cpu": cells.cpu, "memory": cells.memory, "busy": cells.busy}
    empty = {name for name, text in texts.items() if not text}
    empty.update(name for name, text in cells.more.items() if not text)
    if not cells.node:
        empty.add("node")
    if not cells.now.name:
        empty.add("now")
    if not cells.left:
        empty.add("left")
    if "state" in widths and width(printable(cells.state)) > widths["state"] and not cells.node:
        empty.add("state")
    taken = max(_runs(columns, empty), key=lambda run: sum(widths[name] for name in run), default=())
    if not taken:
        return columns
    state = f"{cells.state}  " if "state" in taken else ""
    room = sum(widths[name] for name in taken) + layout.gap * (len(taken) - 1)
    words = state + cells.note
    if layout.is_endless and taken[-1] == list(columns)[-1]:
        room = max(room, width(printable(words)))
    else:
        notes = [state + note for note in (cells.note, cells.medium_note, cells.short_note) if note]
        words = next((note for note in notes if width(printable(note)) <= room), notes[-1] if notes else words)
    takes_tone = "state" in taken or cells.tone == "quiet"
    role: Role = cells.tone if takes_tone and cells.tone != "plain" else "text"
    noted = {name: column for name, column in columns.items() if name not in taken or name == taken[0]}
    noted[taken[0]] = [Piece(fit(words, room), role)]
    return noted


def _runs(columns: Iterable[ColumnName], empty: Container[ColumnName]) -> Iterator[tuple[ColumnName, ...]]:
    """Yield the runs of adjacent empty columns."""
    for is_empty, run in groupby(columns, key=empty.__contains__):
        if is_empty:
            yield tuple(run)


def _joined(*widths: int) -> int:
    """Return the total width of parts separated by one space."""
    widths = tuple(cells for cells in widths if cells)
    return sum(widths) + len(widths) - 1 if widths else 0


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Merge adjacent pieces of one role: each change of style sends more bytes to the terminal.

    Spaces show no colour, so they join the piece before them.
    """
    merged: list[Piece] = []
    for piece in pieces:
        if merged and (piece.role == merged[-1].role or not piece.text.strip(" ")):
            merged[-1] = Piece(merged[-1].text + piece.text, merged[-1].role)
        else:
            merged.append(piece)
    return merged


SCROLLBAR_CELLS = 1
