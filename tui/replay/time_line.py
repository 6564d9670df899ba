"""The time line of a replay: position, speed, and where findings begin. Posts clicks; moves nothing itself."""

from datetime import datetime, timedelta

from textual import events
from textual.message import Message

from dasktop.collectors.model.feed import ReplayPosition
from dasktop.collectors.model.snapshot import SEVERITIES
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import cut, width
from dasktop.tui.draw.times import local
from dasktop.tui.view.finding_words import MARKS, ROLES
from dasktop.tui.widgets.lines import Lines

_MIN_CELLS = 10
_HERE = "█"
_LINE = "─"


class TimeLine(Lines):
    """One line; a click posts the time that was clicked."""

    DEFAULT_CSS = "TimeLine { height: 1; }"

    class Chosen(Message):
        """The user clicked at this share, 0…1, of the recording's time."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._position: ReplayPosition | None = None

    def show(self, position: ReplayPosition) -> None:
        """Show a position."""
        self._position = position
        self.update()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the line."""
        line = [Piece(" opening the recording…", "quiet")]
        if self._position is not None:
            line = time_line(self._position, cells)
        return [[Piece(self._glyphs.encode(text), role) for text, role in line]]

    def on_click(self, event: events.Click) -> None:
        """Post the share of the time that was clicked."""
        bounds = line_bounds(self._position, self.size.width) if self._position is not None else None
        if bounds is not None and bounds[0] <= event.x < bounds[1]:
            self.post_message(self.Chosen((event.x - bounds[0]) / max(1, bounds[1] - bounds[0] - 1)))


def time_line(position: ReplayPosition, cells: int) -> list[Piece]:
    """Return the line: state, start time, line with marks, end time."""
    before, after = _ends(position)
    bounds = line_bounds(position, cells)
    state: Role = "good" if position.is_playing else "waiting"
    if bounds is None:
        return [Piece(cut(f" {_state(position)}  {_counted(position)}", cells), state)]
    return [
        Piece(f" {_state(position)} ", state),
        Piece(before, "quiet"),
        *_drawn(position, bounds[1] - bounds[0]),
        Piece(after, "quiet"),
    ]


def line_bounds(position: ReplayPosition, cells: int) -> tuple[int, int] | None:
    """Return the first cell of the line itself, and the cell after its last; ``None`` if there is no room for it."""
    before, after = _ends(position)
    first = 2 + width(_state(position)) + width(before)
    last = cells - width(after)
    return (first, last) if last - first >= _MIN_CELLS else None


def place_of(moment: datetime, position: ReplayPosition, cells: int) -> int:
    """Return the cell of a time on a line of `cells` cells."""
    length = (position.ends_at - position.begins_at).total_seconds()
    passed = (moment - position.begins_at).total_seconds()
    return min(cells - 1, max(0, round(passed / length * (cells - 1)))) if length > 0 else 0


def _drawn(position: ReplayPosition, cells: int) -> list[Piece]:
    signs = dict.fromkeys(range(cells), Piece(_LINE, "quiet"))
    for severity in SEVERITIES:
        for mark in position.marks:
            if mark.severity == severity:
                signs[place_of(mark.at, position, cells)] = Piece(MARKS[severity], ROLES[severity])
    here = place_of(position.at, position, cells)
    signs[here] = Piece(_HERE, signs[here].role if signs[here].text != _LINE else "strong")
    joined: list[Piece] = []
    for piece in signs.values():
        if joined and joined[-1].role == piece.role:
            joined[-1] = Piece(joined[-1].text + piece.text, piece.role)
        else:
            joined.append(piece)
    return joined


def _ends(position: ReplayPosition) -> tuple[str, str]:
    begins, ends = local(position.begins_at), local(position.ends_at)
    form = "%H:%M:%S" if ends - begins < timedelta(days=1) else "%d %b %H:%M"
    return f" {begins:{form}} ", f" {ends:{form}}  {_counted(position)} "


def _state(position: ReplayPosition) -> str:
    if position.is_opening:
        return "opening…"
    return f"{'playing' if position.is_playing else 'paused '} {position.speed:g}x".ljust(11)


def _counted(position: ReplayPosition) -> str:
    count = f"{position.count:,}"
    redacted = "  redacted" if position.is_redacted else ""
    return f"{position.number:,}".rjust(len(count)) + f"/{count}{redacted}"
