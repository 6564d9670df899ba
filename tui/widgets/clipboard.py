"""Copies to the clipboard of the user's terminal (OSC 52), which also works over ssh."""

from typing import Any

from textual.app import App

from dasktop.collectors.text.clean import clean
from dasktop.tui.draw.text_width import printable
from dasktop.tui.widgets.status_line import StatusLine


def copy(text: str | None, app: App[Any], status: StatusLine) -> None:
    """Copy a text and show it; ring the bell if there is none."""
    if text is None:
        app.bell()
        return
    app.copy_to_clipboard(text)
    status.show_result(f"copied, if the terminal allows OSC 52: {printable(clean(text))}")
