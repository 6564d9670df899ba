"""Textual's driver for terminals, except that it sends no cell that is there already."""

from typing import Any, Protocol, cast

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from dasktop.tui.terminal.sent_screen import SentScreen


class KnowsItsScreen(Protocol):
    """An app that remembers what its terminal shows, and when to forget it."""

    sent_screen: SentScreen


class ThriftyDriver(LinuxDriver):
    """Thins out what is written to the terminal of an app that `KnowsItsScreen`."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._sent_screen = cast("KnowsItsScreen", app).sent_screen

    def write(self, data: str) -> None:
        """Write what of it isn't there already."""
        if thinned := self._sent_screen.thinned(data):
            super().write(thinned)
