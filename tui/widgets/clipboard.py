"""Copies to the clipboard of the terminal that one sits at (OSC 52), which works over ssh too."""

from typing import Any

from textual.app import App

from dasktop.collectors.text.clean import clean
from dasktop.tui.draw.text_width import printable
from dasktop.tui.widgets.status_line import StatusLine


def copy(text: str | None, app: App[Any], activity: StatusLine) -> None:
    """Copy a text, and say so; where there is none, ring the bell."""
    if text is None:
        app.bell()
        return
    app.copy_to_clipboard(text)
    activity.remark(f"copied, if the terminal lets programs do that: {printable(clean(text))}")
