"""The columns of the page of findings: their widths for a screen width, and a row as pieces. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple

from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import cut, cut_middle, fit, printable, width
from dasktop.tui.view.failure_columns import short_time
from dasktop.tui.view.finding_rows import FindingRow, FindingsRow
from dasktop.tui.view.findings import MARKS, ROLES

MEANINGS = (
    ("! ·", "an error or a warning (!), an inefficiency (·); the worst first"),
    ("SEVERITY", "error, warning or info, as for --fail-on"),
    ("FINDING", "what is wrong; details show it in full, with advice"),
    ("ABOUT", "the task name, worker or job that it is about, or how many"),
    ("SINCE", "since when the condition holds, as far as known"),
)
"""What is on the page, and what it means."""
FindingColumn = Literal["severity", "finding", "about", "since"]

_MARK, _SEVERITY, _SINCE = 3, 8, 9
_MESSAGE = 32
"""The least width of messages for which columns are left out."""
_ABOUT, _MOST_ABOUT = 16, 30
_SEVERITY_FROM = 100


class FindingLayout(NamedTuple):
    """The widths of a line, in cells; 0: left out."""

    severity: int
    message: int
    about: int
    since: int


class FindingTexts(NamedTuple):
    """The texts of a row."""

    mark: str
    severity: str
    message: str
    about: tuple[str, ...]
    """The same in several lengths, the longest first: the first one that fits is shown."""
    since: str
    role: Role
    """Of the mark and the severity."""


def widest_about(rows: Iterable[FindingsRow]) -> int:
    """Return the width of the longest text of what a row is about, in cells."""
    return max((width(printable(row.about.text)) for row in rows if isinstance(row, FindingRow)), default=0)


def fit_finding_layout(cells: int, widest: int = _MOST_ABOUT) -> FindingLayout:
    """Return the layout for a width; the message takes what is left.

    ``widest`` is the width of the longest text of what a row is about.
    """
    severity = _SEVERITY + 1 if cells >= _SEVERITY_FROM else 0
    widest = max(len("ABOUT"), min(widest, _MOST_ABOUT))
    least = min(widest, _ABOUT)
    for about, since in ((least, _SINCE), (least, 0), (0, 0)):
        columns = severity + sum(1 + wide for wide in (about, since) if wide)
        message = cells - _MARK - columns
        if message >= _MESSAGE:
            more = min((message - _MESSAGE) // 3, widest - least) if about else 0
            return FindingLayout(severity, message - more, about + more, since)
    return FindingLayout(0, max(0, cells - _MARK), 0, 0)


def finding_texts(row: FindingsRow, now: datetime) -> FindingTexts:
    """Return the texts of a row at a time."""
    if not isinstance(row, FindingRow):
        return FindingTexts("!", "source", row.message, ("",), "", "waiting")
    finding = row.finding
    names = row.about.names
    about = (row.about.text, names[0]) if len(names) == 1 else (row.about.text,)
    since = UNKNOWN if finding.since is None else short_time(finding.since, now)
    role = ROLES[finding.severity]
    return FindingTexts(MARKS[finding.severity], finding.severity, finding.message, about, since, role)


def shown_columns(layout: FindingLayout) -> dict[str, str]:
    """Return the columns that are shown, from left to right: name and head. The severity is shown as a mark, too."""
    heads = {"severity": "SEVERITY", "finding": "FINDING"}
    heads |= {"about": "ABOUT"} if layout.about else {}
    return heads | ({"since": "SINCE"} if layout.since else {})


def finding_heads(layout: FindingLayout, sort: str | None = None, *, is_reversed: bool = False) -> list[Piece]:
    """Return the line of column heads, with an arrow at the sort column."""
    arrow = "↑" if (sort in ("finding", "about")) != is_reversed else "↓"
    widths = {"severity": layout.severity, "finding": layout.message, "about": layout.about, "since": layout.since}
    text = " " * (_MARK - 1) + (arrow if sort == "severity" and not layout.severity else " ")
    for name, head in shown_columns(layout).items():
        if cells := widths[name]:
            gap = " " if name in ("about", "since") else ""
            text += gap + fit(head[: cells - 1] + arrow if name == sort else head, cells)
    return [Piece(text, "head")]


def finding_column_at(cell: int, layout: FindingLayout) -> FindingColumn | None:
    """Return the column at a cell of a row; ``None`` after the last one."""
    end = _MARK + layout.severity
    if cell < end:
        return "severity"
    columns: tuple[tuple[FindingColumn, int], ...] = (("finding", -1), ("about", layout.about), ("since", layout.since))
    for name, cells in columns:
        end += layout.message if name == "finding" else 1 + cells if cells else 0
        if cell < end:
            return name
    return None


def in_order(rows: list[FindingsRow], sort: str | None, *, is_reversed: bool) -> list[FindingsRow]:
    """Return rows that are in the default order, sorted by a column: texts from A to Z, the newest and the worst first.

    Unknown values come last in both directions.
    """
    if sort is None or sort == "severity":
        return rows[::-1] if sort and is_reversed else rows
    valued = [(_value(row, sort), row) for row in rows]
    known = [pair for pair in valued if pair[0]]
    known.sort(key=lambda pair: pair[0], reverse=(sort == "since") != is_reversed)
    return [row for _, row in known] + [row for value, row in valued if not value]


def _value(row: FindingsRow, sort: str) -> Any:
    if sort == "finding":
        return row.message.casefold()
    if not isinstance(row, FindingRow):
        return None
    return row.finding.since if sort == "since" else row.about.text.casefold()


def finding_line(texts: FindingTexts, layout: FindingLayout, glyphs: Glyphs) -> list[Piece]:
    """Return a row as a line."""
    line = [Piece(f" {texts.mark} ", texts.role)]
    if layout.severity:
        line.append(Piece(fit(texts.severity, layout.severity), texts.role))
    line.append(Piece(fit(texts.message, layout.message), "text"))
    if layout.about:
        forms = [printable(form) for form in texts.about]
        form = next((form for form in forms if width(form) <= layout.about), cut_middle(forms[-1], layout.about))
        line.append(Piece(f" {fit(cut(form, layout.about), layout.about)}"))
    if layout.since:
        line.append(Piece(f" {fit(texts.since, layout.since)}", "quiet"))
    return [Piece(glyphs.encode(text), role) for text, role in line]
