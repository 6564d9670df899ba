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
    """Of dialogs; panels have the role ``border``."""
    scrollbar: str
    foreground: str = ""
    """Empty, like `background`: the terminal's default, so that dark and light terminals both work."""
    background: str = ""
    selection: str = ""
    """Ground of the selected line, on which all texts keep their colours; empty: the line is reversed."""
    is_dark: bool = True


def _coloured(
    *,
    good: str,
    waiting: str,
    bad: str,
    memory: str,
    cpu: str = "",
    threads: str = "",
    rate: str = "",
    quiet: str = "dim",
    track: str = "dim",
    border: str = "dim",
) -> dict[Role, str]:
    return {
        "text": "",
        "strong": "bold",
        "quiet": quiet,
        "good": good,
        "waiting": waiting,
        "bad": bad,
        "cpu": cpu or good,
        "memory": memory,
        "threads": threads or quiet,
        "rate": rate or good,
        "high": waiting,
        "full": bad,
        "track": track,
        "border": border,
        "done": good,
        "queued": quiet,
        "failed": bad,
        "stuck": waiting,
        "soon": f"bold {waiting}",
        "head": f"underline {quiet}",
        "key": "bold",
    }


# Threads and rate are areas of several lines, and would be glaring as light as bars. Tested are the contrast of
# each colour with both backgrounds, and the differences that people with dichromacy see.
PALETTES: dict[str, Palette] = {
    "terminal": Palette(
        _coloured(good="green", waiting="yellow", bad="red", memory="cyan"),
        border="ansi_cyan",
        scrollbar="ansi_bright_black",
    ),
    # Sky blue, yellow and orange differ also in lightness, for people with any of the three kinds of dichromacy.
    "colour-blind": Palette(
        _coloured(
            good="#5ab6f0",
            waiting="#f2e46a",
            bad="#f58a3c",
            memory="#5e84dc",
            threads="#8792a3",
            rate="#3f8ec2",
            quiet="#a3abb8",
            track="#7a8594",
            border="#626b79",
        ),
        border="#5ab6f0",
        scrollbar="#626b79",
        foreground="#e3e6eb",
        background="#121417",
        selection="#333840",
    ),
    # Night: a blue-black background, and pastels of about the same lightness.
    "dark": Palette(
        _coloured(
            good="#6fce92",
            waiting="#e8bf62",
            bad="#ff8f86",
            memory="#74b0ff",
            cpu="#54c7bb",
            threads="#8b78c2",
            rate="#4a9a69",
            quiet="#a1adbf",
            track="#75839d",
            border="#5c6a82",
        ),
        border="#74b0ff",
        scrollbar="#5c6a82",
        foreground="#d9dfe9",
        background="#11151c",
        selection="#323843",
    ),
    # Paper: a warm white background, and inks.
    "light": Palette(
        _coloured(
            good="#14602f",
            waiting="#714a00",
            bad="#a81b17",
            memory="#1a52ad",
            cpu="#07605f",
            threads="#9578cc",
            rate="#4a9566",
            quiet="#515966",
            track="#757d8a",
            border="#868e9a",
        ),
        border="#1a52ad",
        scrollbar="#868e9a",
        foreground="#22262d",
        background="#fbfaf7",
        selection="#d2def2",
        is_dark=False,
    ),
}
DEFAULT_PALETTE = "terminal"

# For terminals with sixteen colours, of which only some are readable on black or on white. The selected line is
# reversed: no other background is readable with all of them.
SIXTEEN: dict[str, Palette] = {
    "terminal": PALETTES["terminal"],
    "colour-blind": Palette(
        _coloured(
            good="bright_cyan",
            waiting="bright_yellow",
            bad="bright_red",
            memory="bright_blue",
            quiet="white",
            track="bright_black",
            border="bright_black",
        ),
        border="ansi_bright_cyan",
        scrollbar="ansi_bright_black",
        foreground="bright_white",
        background="black",
    ),
    "dark": Palette(
        _coloured(
            good="bright_green",
            waiting="bright_yellow",
            bad="bright_red",
            memory="bright_blue",
            cpu="bright_cyan",
            threads="bright_magenta",
            quiet="white",
            track="bright_black",
            border="bright_black",
        ),
        border="ansi_bright_blue",
        scrollbar="ansi_bright_black",
        foreground="bright_white",
        background="black",
    ),
    # Green, yellow and cyan are not readable on white.
    "light": Palette(
        _coloured(
            good="blue",
            waiting="magenta",
            bad="red",
            memory="black",
            quiet="bright_black",
            track="bright_black",
            border="bright_black",
        ),
        border="ansi_blue",
        scrollbar="ansi_bright_black",
        foreground="black",
        background="bright_white",
        is_dark=False,
    ),
}
