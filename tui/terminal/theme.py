"""Palettes as Rich styles and Textual themes, and lines drawn with them."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.theme import BUILTIN_THEMES, Theme

from dasktop.tui.draw.palettes import DEFAULT_PALETTE, PALETTES, Palette
from dasktop.tui.draw.piece import BAR_ROLES, Piece, Role

_ANSI = BUILTIN_THEMES["ansi-dark"]


class Styles(NamedTuple):
    """A palette as Rich styles."""

    of: Mapping[Role, Style]
    selected: Style
    """One style for all texts of a line: several colours would be hard to read, and take more bytes."""


def _styles(palette: Palette) -> Styles:
    plain = Style(color=palette.foreground or None, bgcolor=palette.background or None)
    return Styles(
        {role: plain + Style.parse(words) for role, words in palette.styles.items()},
        # Reversed rather than coloured, so that it is also visible with NO_COLOR.
        plain + Style(reverse=True),
    )


def _theme(name: str, palette: Palette) -> Theme:
    ground = palette.background or "ansi_default"
    return Theme(
        name=name,
        primary=palette.border,
        foreground=palette.foreground or "ansi_default",
        background=ground,
        surface=ground,
        panel=ground,
        boost=ground,
        dark=palette.is_dark,
        ansi=not palette.background,
        variables=(_ANSI.variables if not palette.background else {})
        | {
            "border": palette.border,
            "scrollbar": palette.scrollbar,
            "scrollbar-hover": palette.scrollbar,
            "scrollbar-background": ground,
            "scrollbar-background-hover": ground,
            "scrollbar-background-active": ground,
        },
    )


_STYLES = {name: _styles(palette) for name, palette in PALETTES.items()}
THEMES = tuple(_theme(name, palette) for name, palette in PALETTES.items())


def styles_of(theme: str) -> Styles:
    """Return the styles of a theme by name; for a built-in theme of Textual, those of the default palette."""
    return _STYLES.get(theme, _STYLES[DEFAULT_PALETTE])


def strip(pieces: Iterable[Piece], cells: int, theme: str) -> Strip:
    """Return a line of exactly `cells` cells."""
    styles = styles_of(theme).of
    return Strip([Segment(text, styles[role]) for text, role in pieces]).adjust_cell_length(cells)


def selected_strip(pieces: Iterable[Piece], cells: int, theme: str) -> Strip:
    """Return a line of exactly `cells` cells in the style of the selected one.

    Bars are not reversed, because the reverse of a thin line on its track is hard to read.
    """
    styles = styles_of(theme)
    segments = [
        Segment("".join(piece.text for piece in run), styles.of[role] if role in BAR_ROLES else styles.selected)
        for role, run in groupby(pieces, key=lambda piece: piece.role if piece.role in BAR_ROLES else "text")
    ]
    return Strip(segments).adjust_cell_length(cells, styles.selected)
