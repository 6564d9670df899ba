"""Textual's driver for terminals, except that it sends no cell that is there already, and loses no escape."""

from typing import Any, Protocol, cast

from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

from dasktop.tui.terminal.display_sync import DisplaySync
from dasktop.tui.terminal.escape import EscapeParser
from dasktop.tui.terminal.sent_screen import SentScreen, is_update

# The driver makes its parser in the middle of its input loop, and can't be told to take another.
setattr(linux_driver, "XTermParser", EscapeParser)  # noqa: B010 - to mypy it would be a type that is assigned to


class KnowsItsScreen(Protocol):
    """An app that remembers what its terminal shows, and when to forget it."""

    sent_screen: SentScreen
    display_sync: DisplaySync


class ThriftyDriver(LinuxDriver):
    """Thins out what is written to the terminal of an app that `KnowsItsScreen`."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._sent_screen = cast("KnowsItsScreen", app).sent_screen
        self._display_sync = cast("KnowsItsScreen", app).display_sync

    def write(self, data: str) -> None:
        """Write what of it isn't there already, and behind an update the question that somebody waits for."""
        thinned = self._sent_screen.thinned(data)
        if is_update(data):
            thinned += self._display_sync.question()
        if thinned:
            super().write(thinned)
