"""Asks for a time of a recording, and parses it. Parsing depends on nothing but the local time zone."""

import re
from datetime import datetime, timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from dasktop.collectors.model.feed import ReplayPosition
from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.widgets.bindings import bound

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
