"""A terminal for screens under test: draws all output of the app, cell by cell."""

import re
from typing import cast

import pytest
import textual.drivers.headless_driver
from rich.cells import cell_len
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.widget import Widget

from dasktop.tui.widgets.terminal_app import TerminalApp
from tests.support.sgr import Pen, seen, turned

_TOKEN = re.compile(
    r"\x1b\[(?P<y>\d+);(?P<x>\d+)H|\x1b\[(?P<on>\d+)C|\x1b\[(?P<pen>[\d;]*)m|(?P<text>[^\x00-\x1f\x7f]+)|\x1b\]22;[^\x07]*\x07|\n|\x07"
)


class DrawnTerminal:
    """The drawn cells, each with a character and a style."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], tuple[str, str]] = {}

    def draw(self, data: str) -> None:
        """Draw these characters and execute their escape sequences."""
        at = y = x = 0
        pen: Pen = {}
        while at < len(data):
            token = _TOKEN.match(data, at)
            assert token is not None, f"unknown escape sequence: {data[at : at + 20]!r}"
            at = token.end()
            if token["y"]:
                y, x = int(token["y"]) - 1, int(token["x"]) - 1
            elif token["on"]:
                x += int(token["on"])
            elif (style := token["pen"]) is not None:
                pen = turned(pen, style)
            for character in token["text"] or "":
                self.cells[y, x] = (character, seen(character, pen))
                x += cell_len(character)

    def text(self, size: tuple[int, int]) -> list[str]:
        """Return the lines on a terminal of this size."""
        columns, lines = size
        return ["".join(self.cells.get((y, x), ("?", ""))[0] for x in range(columns)).rstrip() for y in range(lines)]

    def shown(self, size: tuple[int, int]) -> dict[tuple[int, int], tuple[str, str]]:
        """Return the cells on a terminal of this size."""
        columns, lines = size
        return {(y, x): cell for (y, x), cell in self.cells.items() if x < columns and y < lines}


class _DrawingDriver(HeadlessDriver):
    """Draws on a `DrawnTerminal` the output that a `DiffDriver` would send."""

    @property
    def is_headless(self) -> bool:
        return False

    def __init__(self, app: App[None], **options: object) -> None:
        super().__init__(app, **options)  # type: ignore[arg-type]
        self.terminal = DrawnTerminal()

    def write(self, data: str) -> None:
        self.terminal.draw(cast("TerminalApp", self._app).sent_screen.changes(data))


def install_drawn_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give apps under test such a terminal."""
    monkeypatch.setattr(textual.drivers.headless_driver, "HeadlessDriver", _DrawingDriver)


def terminal_of(app: App[None]) -> DrawnTerminal:
    """Return the terminal of an app."""
    return cast("_DrawingDriver", app._driver).terminal


def redraw(app: App[None]) -> DrawnTerminal:
    """Give the app a blank terminal, and request that all is drawn again; it is done when the app is idle."""
    driver = cast("_DrawingDriver", app._driver)
    driver.terminal = DrawnTerminal()
    cast("TerminalApp", app).sent_screen.forget()
    for screen in app.screen_stack:
        for widget in screen.query(Widget):
            widget.refresh()
    app.refresh(layout=True)
    return driver.terminal
