"""Textual's driver for terminals, but: sends no cell that is there already, never waits, and loses no escape."""

from typing import Any, Protocol, cast

from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

from dasktop.tui.terminal.display_sync import DisplaySync
from dasktop.tui.terminal.escape import EscapeParser
from dasktop.tui.terminal.patient_writer import PatientWriter
from dasktop.tui.terminal.sent_screen import SentScreen, is_update

# The driver makes both by itself, and can't be told to take others.
setattr(linux_driver, "XTermParser", EscapeParser)  # noqa: B010 - to mypy it would be a type that is assigned to
setattr(linux_driver, "WriterThread", PatientWriter)  # noqa: B010


class KnowsItsScreen(Protocol):
    """An app that remembers what its terminal shows, and when to forget it."""

    sent_screen: SentScreen
    display_sync: DisplaySync

    def draw_again(self) -> None:
        """Draw everything that is not on the terminal yet."""


class ThriftyDriver(LinuxDriver):
    """Thins out what is written to the terminal of an app that `KnowsItsScreen`.

    While the terminal does not keep up, updates are left out; once it has read all, it gets the newest state.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._knowing_app = cast("KnowsItsScreen", app)
        self._sent_screen = self._knowing_app.sent_screen
        self._display_sync = self._knowing_app.display_sync

    @property
    def _writer(self) -> PatientWriter:
        return cast("PatientWriter", self._writer_thread)

    def start_application_mode(self) -> None:
        """Begin, as Textual does."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is not None:
            self._writer.on_caught_up = self._draw_again

    def write(self, data: str) -> None:
        """Write what of it isn't there already, and behind an update the question that somebody waits for."""
        if is_update(data) and self._writer.is_behind:
            self._writer.leave_out()
            return
        thinned = self._sent_screen.thinned(data)
        if is_update(data):
            thinned += self._display_sync.question()
        if thinned:
            super().write(thinned)

    def _draw_again(self) -> None:
        """Draw what was left out. Called from the writer's thread."""
        self._app.call_later(self._knowing_app.draw_again)

    def stop_application_mode(self) -> None:
        """Restore the terminal, whether it reads what is left to show or not."""
        if self._writer_thread is not None:
            self._writer.drop_waiting()
        super().stop_application_mode()
