"""The table of colours for each theme, by role. Pure.

Colour is never the only sign: each coloured text also has a word or a figure.
"""

from collections.abc import Mapping
from typing import NamedTuple

from dasktop.tui.draw.piece import Role


class Palette(NamedTuple):
    """The colours of one theme."""

    styles: Mapping[Role, str]
    """Rich style definitions; without a colour, `foreground` or the terminal's default applies."""
    border: str
    scrollbar: str
    foreground: str = ""
    """Empty, like `background`: the terminal's default, so that dark and light terminals both work."""
    background: str = ""
    is_dark: bool = True


def _coloured(
    *, good: str, waiting: str, bad: str, memory: str, quiet: str = "dim", track: str = "dim"
) -> dict[Role, str]:
    return {
        "text": "",
        "strong": "bold",
        "quiet": quiet,
        "good": good,
        "waiting": waiting,
        "bad": bad,
        "cpu": good,
        "memory": memory,
        "high": waiting,
        "full": bad,
        "track": track,
        "done": good,
        "queued": quiet,
        "failed": bad,
        "stuck": waiting,
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
    # Blue, ochre and dark orange: distinguishable with any of the three kinds of dichromacy, and readable on black and
    # on white. A terminal with sixteen colours maps the last two to one colour, so one of them is bold.
    "colour-blind": Palette(
        _coloured(good="#1f78d8", waiting="#c08400", bad="bold #b23c00", memory="#7f8fa9"),
        border="#1f78d8",
        scrollbar="ansi_bright_black",
    ),
    # From the 256 colours of most terminals; on sixteen colours, each one maps to the intended colour.
    "dark": Palette(
        _coloured(quiet="#8a8a8a", track="#4e4e4e", good="#5fd787", waiting="#ffd75f", bad="#ff5f5f", memory="#5fafff"),
        border="#5fafff",
        scrollbar="#4e4e4e",
        foreground="#e4e4e4",
        background="#121212",
    ),
    "light": Palette(
        _coloured(quiet="#666666", track="#bcbcbc", good="#008700", waiting="#875f00", bad="#d70000", memory="#005faf"),
        border="#005faf",
        scrollbar="#bcbcbc",
        foreground="#262626",
        background="#ffffff",
        is_dark=False,
    ),
}
DEFAULT_PALETTE = "terminal"
