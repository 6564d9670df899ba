"""How each role of text looks. Colours are the terminal's own sixteen, so a dark and a light one both stay themselves.

Nothing is told by colour alone: every colour here stands beside a word or a figure.
"""

from collections.abc import Iterable
from dataclasses import replace

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.theme import BUILTIN_THEMES

from dasktop.tui.columns import Piece, Role

_ANSI = BUILTIN_THEMES["ansi-dark"]
THEME = replace(
    _ANSI,
    name="dasktop",
    primary="ansi_cyan",
    variables=_ANSI.variables
    | {
        "border": "ansi_cyan",
        "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_bright_black",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
    },
)

STYLES: dict[Role, Style] = {
    "text": Style.null(),
    "strong": Style(bold=True),
    "quiet": Style(dim=True),
    "good": Style(color="green"),
    "waiting": Style(color="yellow"),
    "bad": Style(color="red"),
    "cpu": Style(color="green"),
    "memory": Style(color="cyan"),
    "full": Style(color="red"),
    "soon": Style(color="yellow", bold=True),
    "head": Style(dim=True, underline=True),
    "key": Style(bold=True),
}

SELECTED = Style(reverse=True)
"""One style for the whole line: patches of colour on it would be hard to read, and costly to send."""


def strip(pieces: Iterable[Piece], cells: int) -> Strip:
    """Return a line of exactly so many cells."""
    return Strip([Segment(text, STYLES[role]) for text, role in pieces]).adjust_cell_length(cells)


def selected_strip(pieces: Iterable[Piece], cells: int) -> Strip:
    """Return a line of exactly so many cells, marked as the selected one."""
    text = "".join(piece.text for piece in pieces)
    return Strip([Segment(text, SELECTED)]).adjust_cell_length(cells, SELECTED)
