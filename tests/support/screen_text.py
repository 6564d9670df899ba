"""The lines of the screen, and the styles of their parts."""

from functools import cache
from itertools import groupby

from rich.cells import cell_len
from rich.style import Style
from textual.app import App
from textual.strip import Strip


def strips_of(app: App[object]) -> list[Strip]:
    """Return the lines of the whole screen, as Textual composed them."""
    return app.screen._compositor.render_strips()


def lines_on(app: App[object]) -> list[str]:
    """Return the text of each line, without trailing blanks."""
    return [strip.text.rstrip() for strip in strips_of(app)]


def styles_on(app: App[object]) -> list[str]:
    """Return for each line which cells have which style, such as ``3-8 bold, 12-20 green``."""
    return text_and_styles(app)[1]


def text_and_styles(app: App[object]) -> tuple[list[str], list[str]]:
    """Return what `lines_on` and `styles_on` return; Textual composes the screen once for both."""
    strips = strips_of(app)
    return [strip.text.rstrip() for strip in strips], [", ".join(_runs(strip)) for strip in strips]


def _runs(strip: Strip) -> list[str]:
    runs, start = [], 0
    for style, segments in groupby(strip, key=lambda segment: _style_name(segment.style, not segment.text.strip())):
        end = start + sum(cell_len(segment.text) for segment in segments)
        if style:
            runs.append(f"{start}-{end} {style}")
        start = end
    return runs


@cache
def _style_name(style: Style | None, is_blank: bool) -> str:
    """Return the visible attributes and colours; for blanks, only background, underline and reverse."""
    if style is None:
        return ""
    filled = Style(
        bgcolor=None if style.bgcolor is None or style.bgcolor.is_default else style.bgcolor,
        underline=style.underline or None,
        reverse=style.reverse or None,
    )
    drawn = Style(
        color=None if style.color is None or style.color.is_default else style.color,
        bold=style.bold or None,
        dim=style.dim or None,
        italic=style.italic or None,
    )
    shown = filled if is_blank else filled + drawn
    return str(shown) if shown else ""
