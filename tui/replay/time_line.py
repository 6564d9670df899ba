"""The time line of a replay, and the dialog that asks for a time of the recording. Neither moves the replay."""

import re
from datetime import datetime, timedelta
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from dasktop.collectors.model.feed import ReplayPosition
from dasktop.collectors.model.snapshot import SEVERITIES
from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import cut, width
from dasktop.tui.draw.times import local
from dasktop.tui.view.findings import MARKS, ROLES
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.lines import LEFT_BUTTON, Lines

_MIN_CELLS = 10
_HERE = "┃"
_LINE = "─"


class TimeLine(Lines):
    """One line; a click posts the clicked position."""

    DEFAULT_CSS = "TimeLine { height: 1; }"

    class Chosen(Message):
        """The user clicked at a position, as a share (0 to 1) of the recording's time."""

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
        """Post the clicked position, as a share of the recording's time."""
        bounds = line_bounds(self._position, self.size.width) if self._position is not None else None
        if event.button == LEFT_BUTTON and bounds is not None and bounds[0] <= event.x < bounds[1]:
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


HINT = "14:05 or 14:05:30 · 2025-11-22 14:05 · +10m -1h · 50%"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BY = re.compile(r"([+-])\s*(\d{1,6}(?:\.\d+)?)\s*([smhd]?)")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def moment_from(text: str, position: ReplayPosition) -> datetime:
    """Return the time that a text means; a time of day is the one nearest to the current position.

    Raises
    ------
    ValueError
        If it is not a time; the message lists the valid formats.
    """
    text = text.strip()
    try:
        moment = _moment(text, position)
    except (ValueError, OverflowError, OSError):  # not a time, or out of range
        moment = None
    if moment is None:
        raise ValueError(f"not a time: {text!r}; use {HINT}")
    return moment


def _moment(text: str, position: ReplayPosition) -> datetime | None:
    if by := _BY.fullmatch(text):
        seconds = float(by[2]) * _SECONDS[by[3] or "s"]
        return position.at + timedelta(seconds=seconds if by[1] == "+" else -seconds)
    if share := _SHARE.fullmatch(text):
        return position.begins_at + (position.ends_at - position.begins_at) * min(1.0, float(share[1]) / 100)
    if clock := _CLOCK.fullmatch(text):
        hour, minute, second = (int(part or 0) for part in clock.groups())
        if hour < 24 and minute < 60 and second < 60:
            return _nearest(position, hour, minute, second)
        return None
    return datetime.fromisoformat(text).astimezone()


def _nearest(position: ReplayPosition, hour: int, minute: int, second: int) -> datetime:
    at = position.at.astimezone()
    # Naive until the day is known: daylight saving time may start or end in between.
    local = at.replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None)
    days = ((local + timedelta(days=day)).astimezone() for day in (-1, 0, 1))
    within = [day for day in days if position.begins_at <= day <= position.ends_at]
    return min(within, key=lambda day: abs(day - at)) if within else local.astimezone()


class GoTo(Dialog[datetime | None]):
    """A text field; returns a time, or ``None``."""

    DEFAULT_CSS = """
    GoTo { align: center middle; }
    GoTo > Vertical { width: 62; max-width: 100%; height: auto; padding: 0 1; }
    GoTo Input { text-style: underline; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(leave=("dismiss(None)", "stay"))
    FIELD_KEYS = "enter go"

    def __init__(self, position: ReplayPosition) -> None:
        super().__init__()
        self._position = position

    def compose(self) -> ComposeResult:
        """Create the field."""
        with Vertical(classes="box") as box:
            box.border_title = "go to time"
            yield Input(max_length=40, compact=True)
            yield Static(Content(HINT), id="hint")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Return the time, or show why it is not valid."""
        message.stop()
        try:
            moment = moment_from(message.value, self._position)
        except ValueError as error:
            self.query_one("#hint", Static).update(Content(str(error)))
        else:
            self.dismiss(moment)
