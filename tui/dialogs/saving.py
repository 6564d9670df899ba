"""Saves a screenshot or the snapshot. A thread writes the file; the screen never waits for it."""

import re
from collections.abc import Callable
from typing import Any

from textual.app import App

from dasktop.collectors.model.snapshot import Snapshot, to_json
from dasktop.collectors.runtime.saving import Saved, Saver
from dasktop.tui.widgets.status_line import StatusLine

_GROUND, _TITLE = "#292929", "#c5c8c6"
"""The colours of the window in Rich's SVG."""


def self_contained(svg: str) -> str:
    """Return the SVG without web fonts, and with spaces preserved in all viewers."""
    return re.sub(r"@font-face\s*{[^}]*}\s*", "", svg).replace("<text ", '<text xml:space="preserve" ')


def screenshot_of(app: App[Any]) -> str:
    """Return the screen as SVG."""
    svg = self_contained(app.export_screenshot(title="dasktop"))
    theme = app.current_theme
    if theme.ansi or app.no_color:
        return svg
    return svg.replace(_GROUND, theme.background or _GROUND).replace(_TITLE, theme.foreground or _TITLE)


class SavingController:
    """Saves what is shown.

    Parameters
    ----------
    app
        The app to take a screenshot of.
    status
        Shows the path of the file.
    snapshot
        Returns the snapshot that is shown, or ``None`` before the first one.
    deliver
        Called from another thread with the result; the screen passes it to `show_result`.
    """

    def __init__(
        self,
        app: App[Any],
        status: StatusLine,
        snapshot: Callable[[], Snapshot | None],
        deliver: Callable[[Saved], None],
    ) -> None:
        self._app = app
        self._status = status
        self._snapshot = snapshot
        self._saver = Saver(deliver)

    def ask(self) -> None:
        """Ask what to save, and save it."""
        from dasktop.tui.dialogs.save_box import SaveBox  # as all dialogs, imported late: the start is faster

        self._app.push_screen(SaveBox(), self._answer)

    def _answer(self, what: str | None) -> None:
        match what:
            case "picture":
                self._app.call_after_refresh(self.save_picture)  # after the dialog is gone
            case "snapshot":
                self.save_snapshot()

    def save_picture(self) -> None:
        """Save a screenshot as SVG."""
        picture = screenshot_of(self._app)
        self._saver.save("svg", picture.encode)

    def save_snapshot(self) -> None:
        """Save the snapshot that is shown, in the format of ``dasktop snapshot``."""
        snapshot = self._snapshot()
        if snapshot is None:
            self._status.show_result("no snapshot yet", "waiting")
            return
        self._saver.save("json", lambda: to_json(snapshot) + b"\n")

    def show_result(self, saved: Saved) -> None:
        """Show the path, or the error."""
        if saved.error is None:
            self._status.show_result(f"saved {saved.path}", "good")
        else:
            self._status.announce(saved.error, "bad")

    def close(self) -> None:
        """Wait briefly for files that are still being written."""
        self._saver.close()
