"""Lays out facts, paragraphs and graphs as lines, in one column or two. Pure.

Does not depend on snapshots or on the meaning of the texts.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dasktop.tui.draw.bars import bar, sparkline
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.graphs import graph
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.task_keys import cut_key
from dasktop.tui.draw.text_width import cut, fit, width, wrap

Line = list[Piece]

LABEL = 12
_GAP = 3
_TWO_COLUMNS_FROM = 100
KEY_TAIL = 10
"""Cells at the end of a task key that stay if it is cut: keys differ in their last number."""
_MIN_GRAPH_CELLS = 8
_MAX_GRAPH_CELLS = 60


class Fact(NamedTuple):
    """A label and a text; long texts are wrapped beside the label."""

    label: str
    text: str
    role: Role = "text"
    tail: int = 0
    """If not 0, the text ends with a task key and is shortened instead of wrapped; see `cut_key`."""


class Words(NamedTuple):
    """A paragraph."""

    text: str
    role: Role = "text"
    indent: int = 0
    tail: int = 0
    """If not 0, the text ends with a task key and is shortened instead of wrapped; see `cut_key`."""


class Trend(NamedTuple):
    """A label, the current value (or an empty text), and a graph of the past as wide as there is room."""

    label: str
    points: Sequence[float | None]
    top: float | None
    """Value of the full height; ``None``: the highest point."""
    text: str
    role: Role = "text"
    lines: int = 1
    """Height of the graph; from two lines on, it is below the value."""


class Split(NamedTuple):
    """A bar of several parts, each drawn with its own character."""

    label: str
    parts: Sequence[tuple[str, float, Role]]
    """Character, amount and role of each part."""
    whole: float


class Bar(NamedTuple):
    """A label, a value, and a bar beside it, if there is room; see `bars.bar`."""

    label: str
    text: str
    percent: float
    role: Role
    solid_percent: float | None = None
    is_marked: bool = False


Entry = Fact | Words | Trend | Split | Bar


class Section(NamedTuple):
    """Entries that belong together, with a title or ``""``."""

    title: str
    entries: Sequence[Entry]
    is_wide: bool = False
    """Whether it takes the whole width, below the others, and its lines are cut rather than wrapped."""
    wraps: bool = False
    """Whether the lines of a wide one are wrapped, too."""


def with_high_graphs(sections: Iterable[Section], lines: int) -> list[Section]:
    """Return the sections with graphs of this height."""
    return [
        section._replace(
            entries=[entry._replace(lines=lines) if isinstance(entry, Trend) else entry for entry in section.entries]
        )
        for section in sections
    ]


def lay_out(sections: Sequence[Section], cells: int, glyphs: Glyphs) -> list[Line]:
    """Return the sections as lines of at most ``cells`` cells, in two columns if that is wide enough."""
    narrow = [section for section in sections if section.entries and not section.is_wide]
    if cells < _TWO_COLUMNS_FROM or len(narrow) < 2:
        lines = _stacked(narrow, cells, glyphs)
    else:
        column = (cells - _GAP) // 2
        heights = [len(_section(section, column, glyphs)) + 1 for section in narrow]
        # Break where the higher column is as low as possible.
        at = min(range(1, len(narrow)), key=lambda place: max(sum(heights[:place]), sum(heights[place:])))
        left, right = (_stacked(part, column, glyphs) for part in (narrow[:at], narrow[at:]))
        lines = [
            _padded(left[y] if y < len(left) else [], column + _GAP) + (right[y] if y < len(right) else [])
            for y in range(max(len(left), len(right)))
        ]
    for section in sections:
        if section.entries and section.is_wide:
            lines += [[], *_section(section, cells, glyphs)]
    return lines[1:] if lines and not lines[0] else lines


def _stacked(sections: Sequence[Section], cells: int, glyphs: Glyphs) -> list[Line]:
    lines: list[Line] = []
    for section in sections:
        lines += [*([[]] if lines else []), *_section(section, cells, glyphs)]
    return lines


def _section(section: Section, cells: int, glyphs: Glyphs) -> list[Line]:
    lines: list[Line] = [[Piece(section.title, "strong")]] if section.title else []
    beside = max((width(entry.text) for entry in section.entries if isinstance(entry, Trend)), default=0)
    for entry in section.entries:
        if isinstance(entry, Trend):  # align the graphs
            entry = entry._replace(text=fit(entry.text, beside))
        if section.is_wide and not section.wraps and isinstance(entry, Words) and not entry.tail:
            lines.append([Piece(" " * entry.indent + cut(entry.text, cells - entry.indent), entry.role)])
        else:
            lines += _entry(entry, cells, glyphs)
    return [[Piece(glyphs.encode(text), role) for text, role in line] for line in lines]


def _entry(entry: Entry, cells: int, glyphs: Glyphs) -> list[Line]:
    match entry:
        case Fact(tail=tail) if tail:
            return [[_label(entry.label), Piece(cut_key(entry.text, max(1, cells - LABEL), tail), entry.role)]]
        case Fact():
            first, *others = wrap(entry.text, max(1, cells - LABEL)) or [""]
            return [
                [_label(entry.label), Piece(first, entry.role)],
                *([_label(""), Piece(text, entry.role)] for text in others),
            ]
        case Words(tail=tail) if tail:
            text = cut_key(entry.text, max(0, cells - entry.indent), tail)
            return [[Piece(" " * min(entry.indent, cells) + text, entry.role)]]
        case Words():
            room = max(1, cells - entry.indent)
            return [[Piece(" " * entry.indent + text, entry.role)] for text in wrap(entry.text, room)]
        case Trend(lines=high) if high > 1 and entry.points and cells - LABEL >= _MIN_GRAPH_CELLS:
            room = min(cells - LABEL, len(entry.points), _MAX_GRAPH_CELLS)
            area = graph(entry.points, room, high, glyphs, entry.top)
            while len(area) > 1 and not any(text.strip() for text in area[:2]):
                area = area[1:]  # of the lines that no point reaches, one is enough
            lines: list[Line] = [[_label(""), Piece(text, entry.role)] for text in area]
            if not entry.text:
                return [[_label(entry.label), *lines[0][1:]], *lines[1:]]
            return [[_label(entry.label), Piece(cut(entry.text, cells - LABEL))], *lines]
        case Trend():
            gap = " " * bool(entry.text)
            room = min(cells - LABEL - width(entry.text + gap), _MAX_GRAPH_CELLS)
            if room < _MIN_GRAPH_CELLS or not entry.points:
                return [[_label(entry.label), Piece(cut(entry.text, max(0, cells - LABEL)))]]
            line = sparkline(entry.points, min(room, len(entry.points)), glyphs, entry.top)
            return [[_label(entry.label), Piece(entry.text + gap), Piece(line, entry.role)]]
        case Split():
            return [[_label(entry.label), *_split(entry, min(max(1, cells - LABEL), _MAX_GRAPH_CELLS))]]
        case Bar(label, text, percent, role, solid_percent, is_marked):
            room = min(cells - LABEL - width(text) - 2, _MAX_GRAPH_CELLS)
            if room < _MIN_GRAPH_CELLS:
                return [[_label(label), Piece(cut(text, max(0, cells - LABEL)))]]
            drawn = bar(percent, room, role, glyphs, solid_percent=solid_percent, is_marked=is_marked)
            return [[_label(label), Piece(f"{text}  "), *drawn]]


def _split(split: Split, cells: int) -> Line:
    """Return the bar. Each part ends at the rounded cumulative sum, so that rounding errors do not add up."""
    pieces: Line = []
    done, sum_so_far = 0, 0.0
    for character, much, role in split.parts:
        sum_so_far += much
        end = min(cells, round(cells * sum_so_far / split.whole)) if split.whole > 0 else 0
        if end > done:
            pieces.append(Piece(character * (end - done), role))
            done = end
    return pieces


def _label(text: str) -> Piece:
    return Piece(fit(text, LABEL), "quiet")


def _padded(line: Line, cells: int) -> Line:
    return [*line, Piece(" " * max(0, cells - sum(width(piece.text) for piece in line)))]
