"""The colours of each theme, by the role of what they colour. A table, and nothing else.

Nothing is told by colour alone: every colour here stands beside a word or a figure.
"""

from collections.abc import Mapping
from typing import NamedTuple

from dasktop.tui.draw.piece import Role


class Palette(NamedTuple):
    """The colours of one theme."""

    styles: Mapping[Role, str]
    """As Rich writes styles; no colour means the terminal's own, or `foreground` where there is one."""
    border: str
    scrollbar: str
    foreground: str = ""
    """Empty, like `background`: the terminal's own, so a dark one and a light one both stay themselves."""
    background: str = ""
    is_dark: bool = True


def _coloured(*, good: str, waiting: str, bad: str, memory: str, quiet: str = "dim") -> dict[Role, str]:
    return {
        "text": "",
        "strong": "bold",
        "quiet": quiet,
        "good": good,
        "waiting": waiting,
        "bad": bad,
        "cpu": good,
        "memory": memory,
        "full": bad,
        "soon": f"bold {waiting}",
        "head": f"underline {quiet}",
        "key": "bold",
    }


PALETTES: dict[str, Palette] = {
    "terminal": Palette(
        _coloured(good="green", waiting="yellow", bad="red", memory="cyan"),
        border="ansi_cyan",
        scrollbar="ansi_bright_black",
    ),
    # Blue, ochre and a dark orange: told apart with any of the three kinds of dichromacy, and to be read on black and
    # on white. A terminal with sixteen colours has one for the last two, so one of them is bold.
    "colour-blind": Palette(
        _coloured(good="#1f78d8", waiting="#c08400", bad="bold #b23c00", memory="#7f8fa9"),
        border="#1f78d8",
        scrollbar="ansi_bright_black",
    ),
    # From the 256 colours that many terminals have, and each nearest to the one of the sixteen that it should be there.
    "dark": Palette(
        _coloured(quiet="#8a8a8a", good="#5fd787", waiting="#ffd75f", bad="#ff5f5f", memory="#5fafff"),
        border="#5fafff",
        scrollbar="#4e4e4e",
        foreground="#e4e4e4",
        background="#121212",
    ),
    "light": Palette(
        _coloured(quiet="#666666", good="#008700", waiting="#875f00", bad="#d70000", memory="#005faf"),
        border="#005faf",
        scrollbar="#bcbcbc",
        foreground="#262626",
        background="#ffffff",
        is_dark=False,
    ),
}
DEFAULT_PALETTE = "terminal"
