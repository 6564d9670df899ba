"""The screen for a recording: the live screen with a time line and its keys. Never changes the cluster."""

from datetime import datetime
from typing import ClassVar

from textual.binding import BindingType

from dasktop.collectors.model.feed import ReplayPosition
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.recording.replay import ReplayFeed
from dasktop.tui.app import DasktopApp
from dasktop.tui.config.view_settings import DEFAULT, ViewSettings, without_filter
from dasktop.tui.replay.time_line import GoTo, TimeLine
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.keys import LIVE_ONLY, NO_KEYMAP, REPLAY, SCREEN, Keymap
from dasktop.tui.widgets.bindings import bindings
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.messages import PositionArrived

_LIVE_ONLY = frozenset(SCREEN[key_id].action.partition("(")[0] for key_id in LIVE_ONLY)


class ReplayApp(DasktopApp):
    """The screen of a replay.

    Parameters
    ----------
    feed
        Started when the screen is up, stopped when it ends.
    unicode, looks, keymap, thresholds
        As for `DasktopApp`.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(REPLAY)
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.REPLAY
    HAS_LOGS: ClassVar[bool] = False

    def __init__(
        self,
        feed: ReplayFeed,
        *,
        unicode: bool = True,
        looks: ViewSettings = DEFAULT,
        keymap: Keymap = NO_KEYMAP,
        thresholds: Thresholds = DEFAULTS,
    ) -> None:
        super().__init__(
            feed, read_only=True, unicode=unicode, looks=without_filter(looks), keymap=keymap, thresholds=thresholds
        )
        self._replay = feed
        self._position: ReplayPosition | None = None
        self._time_line = TimeLine(self._glyphs)

    def on_mount(self) -> None:
        """Add the time line above the key line."""
        self._header.is_replay = self._banner.is_replay = True
        self.mount(self._time_line, before=self.query_one(KeyLine))

    def on_position_arrived(self, message: PositionArrived) -> None:
        """Show the position, and a new problem of the file, if any."""
        self._mailbox.take(message)
        shown_remark = self._position.remark if self._position is not None else None
        self._position = message.position
        self._time_line.show(message.position)
        if message.position.remark is not None and message.position.remark != shown_remark:
            self._status.announce(message.position.remark, "waiting")

    def on_time_line_chosen(self, message: TimeLine.Chosen) -> None:
        """Go to the time that was clicked."""
        self._replay.seek_share(message.share)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions that need a running cluster or data that is not recorded."""
        return action not in _LIVE_ONLY and super().check_action(action, parameters)

    def action_play(self) -> None:
        """Pause or resume."""
        self._replay.toggle()

    def action_step(self, count: int) -> None:
        """Go to the next or previous snapshot, and pause."""
        self._replay.step(count)

    def action_seek(self, seconds: int) -> None:
        """Go forward or back by `seconds`."""
        self._replay.seek_by(seconds)

    def action_seek_mark(self, direction: int) -> None:
        """Go to where the next or previous finding begins, and pause."""
        self._replay.seek_mark(direction)

    def action_speed(self, direction: int) -> None:
        """Play faster or slower."""
        self._replay.change_speed(direction)

    def action_go_to(self) -> None:
        """Ask for a time, and go there."""
        if self._position is not None:
            self.push_screen(GoTo(self._position), self._seek_to)

    def _seek_to(self, moment: datetime | None) -> None:
        if moment is not None:
            self._replay.seek_to(moment)
