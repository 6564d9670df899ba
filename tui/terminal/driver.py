"""Textual's Linux driver that sends only changed cells and never waits for the terminal."""

from typing import Any, Protocol, cast

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from dasktop.tui.terminal.display_sync import DisplaySync
from dasktop.tui.terminal.sent_screen import SentScreen, is_update
from dasktop.tui.terminal.textual_private import extend_driver, writer_of

extend_driver()


class TracksTerminal(Protocol):
    """An app that tracks what its terminal shows, and resets that when necessary."""

    sent_screen: SentScreen
    display_sync: DisplaySync

    def draw_again(self) -> None:
        """Draw what is not on the terminal yet."""


class DiffDriver(LinuxDriver):
    """Reduces what is written to the terminal of an app that `TracksTerminal` to the cells that changed.

    While the terminal does not keep up, updates are skipped; when it has read everything, it gets the newest state.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._tracking_app = cast("TracksTerminal", app)
        self._call_later = app.call_later
        self._sent_screen = self._tracking_app.sent_screen
        self._display_sync = self._tracking_app.display_sync

    def start_application_mode(self) -> None:
        """Start as Textual does, and draw again when the terminal has caught up."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        writer = writer_of(self)
        if writer is not None:
            writer.on_caught_up = self._draw_again

    def write(self, data: str) -> None:
        """Write what is not on the terminal yet and, after an update, the query that something waits for."""
        writer = writer_of(self)
        if writer is not None and is_update(data) and writer.is_behind:
            writer.skip_update()
            return
        changes = self._sent_screen.changes(data)
        if is_update(data):
            changes += self._display_sync.query()
        if changes:
            super().write(changes)

    def _draw_again(self) -> None:
        """Draw what was skipped. Called from the writer's thread."""
        self._call_later(self._tracking_app.draw_again)

    def stop_application_mode(self) -> None:
        """Restore the terminal, even if it does not read what is left to write."""
        writer = writer_of(self)
        if writer is not None:
            writer.drop_waiting()
        super().stop_application_mode()
