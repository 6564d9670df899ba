"""Palettes as Rich styles and Textual themes, and lines drawn with them."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.strip import Strip
from textual.theme import BUILTIN_THEMES, Theme

from dasktop.tui.draw.palettes import DEFAULT_PALETTE, PALETTES, SIXTEEN, Palette
from dasktop.tui.draw.piece import BAR_ROLES, Piece, Role

_ANSI = BUILTIN_THEMES["ansi-dark"]


class Styles(NamedTuple):
    """A palette as Rich styles."""

    of: Mapping[Role, Style]
    selected_of: Mapping[Role, Style]
    """In the selected line."""

    @property
    def selected(self) -> Style:
        """The style of plain text in the selected line."""
        return self.selected_of["text"]


def _styles(palette: Palette) -> Styles:
    plain = Style(color=palette.foreground or None, bgcolor=palette.background or None)
    styles = {role: plain + Style.parse(words) for role, words in palette.styles.items()}
    if palette.selection:
        background = Style(bgcolor=palette.selection)
        return Styles(styles, {role: style + background for role, style in styles.items()})
    # One style for all texts: several colours would be hard to read in reverse. Bars are not reversed, because the
    # reverse of a thin line on its track is hard to read.
    reverse = plain + Style(reverse=True)
    return Styles(styles, {role: style if role in BAR_ROLES else reverse for role, style in styles.items()})


def _theme(name: str, palette: Palette) -> Theme:
    background = _textual(palette.background)
    is_ansi = not palette.background.startswith("#")
    # Of the command palette: the background of its selected line.
    cursor = {"block-cursor-blurred-background": palette.selection} if palette.selection else {}
    return Theme(
        name=name,
        primary=palette.border,
        foreground=_textual(palette.foreground),
        background=background,
        surface=background,
        panel=background,
        boost=background,
        dark=palette.is_dark,
        ansi=is_ansi,
        variables=(_ANSI.variables if is_ansi else {})
        | cursor
        | {
            "border": palette.border,
            "scrollbar": palette.scrollbar,
            "scrollbar-hover": palette.scrollbar,
            "scrollbar-background": background,
            "scrollbar-background-hover": background,
            "scrollbar-background-active": background,
        },
    )


def _textual(color: str) -> str:
    """Return Textual's name of a background, or of the colour of text on it."""
    return color if color.startswith("#") else f"ansi_{color or 'default'}"


_STYLES = {name: _styles(palette) for name, palette in PALETTES.items()}
_SIXTEEN = {name: _styles(palette) for name, palette in SIXTEEN.items()}


def themes(*, sixteen: bool = False) -> list[Theme]:
    """Return all themes, for many or for sixteen colours."""
    return [_theme(name, palette) for name, palette in (SIXTEEN if sixteen else PALETTES).items()]


def has_sixteen(app: App[Any]) -> bool:
    """Return whether the app's terminal has sixteen colours."""
    return app.console.color_system == "standard"


def styles_of(theme: str, *, sixteen: bool = False) -> Styles:
    """Return the styles of a theme by name, for many or for sixteen colours.

    For a built-in theme of Textual, those of the default palette.
    """
    styles = _SIXTEEN if sixteen else _STYLES
    return styles.get(theme, styles[DEFAULT_PALETTE])


def styles_for(app: App[Any]) -> Styles:
    """Return the styles of the app's theme for the terminal; without colours, those that need none."""
    return styles_of(DEFAULT_PALETTE if app.no_color else app.theme, sixteen=has_sixteen(app))


def strip(pieces: Iterable[Piece], cells: int, styles: Styles) -> Strip:
    """Return a line of exactly `cells` cells."""
    return _strip(pieces, cells, styles.of)


def selected_strip(pieces: Iterable[Piece], cells: int, styles: Styles) -> Strip:
    """Return a line of exactly `cells` cells, as the selected one."""
    return _strip(pieces, cells, styles.selected_of)


def _strip(pieces: Iterable[Piece], cells: int, styles: Mapping[Role, Style]) -> Strip:
    segments = [
        Segment("".join(piece.text for piece in run), style)
        for style, run in groupby(pieces, key=lambda piece: styles[piece.role])
    ]
    return Strip(segments).adjust_cell_length(cells, styles["text"])
