"""Saves what is shown: a picture of the screen, or the snapshot. Writes nothing itself, and waits for nobody."""

import re
from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from dasktop.collectors.model.snapshot import Snapshot, to_json
from dasktop.collectors.runtime.saving import Saved, Saver
from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.status_line import StatusLine


def self_contained(svg: str) -> str:
    """Return the picture without the web fonts that it would fetch, and with its blanks kept by all viewers."""
    return re.sub(r"@font-face\s*{[^}]*}\s*", "", svg).replace("<text ", '<text xml:space="preserve" ')


def picture_of(app: App[Any]) -> str:
    """Return what the screen shows."""
    return self_contained(app.export_screenshot(title="dasktop"))


_QUESTION = "Save what is shown now to a new file in the current directory: a picture (SVG), or the snapshot (JSON)."


class SaveBox(Dialog[str | None]):
    """Asks what to save. Answers with ``picture`` or ``snapshot``, or with nothing."""

    DEFAULT_CSS = """
    SaveBox { align: center middle; }
    SaveBox > Vertical { width: 62; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(
        save_picture=("dismiss('picture')", "picture"),
        save_snapshot=("dismiss('snapshot')", "snapshot"),
        leave="dismiss(None)",
        back=("dismiss(None)", "leave it"),
    )
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.SAVING

    def compose(self) -> ComposeResult:
        """Build the box."""
        with Vertical(classes="box"):
            yield Static(Content(_QUESTION))


class SavingController:
    """The saving of what is shown.

    Parameters
    ----------
    app
        Whose screen it is.
    activity
        Where the path is told.
    snapshot
        Returns the snapshot that is shown, if there is one yet.
    deliver
        Called from another thread with what became of it; to be given to `tell` by the screen's own.
    """

    def __init__(
        self,
        app: App[Any],
        activity: StatusLine,
        snapshot: Callable[[], Snapshot | None],
        deliver: Callable[[Saved], None],
    ) -> None:
        self._app = app
        self._activity = activity
        self._snapshot = snapshot
        self._saver = Saver(deliver)

    def ask(self) -> None:
        """Ask what to save, and save it."""
        self._app.push_screen(SaveBox(), self._answer)

    def _answer(self, what: str | None) -> None:
        match what:
            case "picture":
                self._app.call_after_refresh(self.save_picture)  # of what is shown without the box
            case "snapshot":
                self.save_snapshot()

    def save_picture(self) -> None:
        """Save a picture of what is shown."""
        picture = picture_of(self._app)
        self._saver.save("svg", picture.encode)

    def save_snapshot(self) -> None:
        """Save the snapshot that is shown, as ``dasktop snapshot`` prints it."""
        snapshot = self._snapshot()
        if snapshot is None:
            self._activity.remark("there is no snapshot yet", "waiting")
            return
        self._saver.save("json", lambda: to_json(snapshot) + b"\n")

    def tell(self, saved: Saved) -> None:
        """Tell what became of it."""
        if saved.error is None:
            self._activity.remark(f"saved {saved.path}", "good")
        else:
            self._activity.announce(saved.error, "bad")

    def close(self) -> None:
        """Wait, but not for long, for what is still being written."""
        self._saver.close()
