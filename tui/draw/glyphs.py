"""The drawing characters, in Unicode and in ASCII. Pure."""

from typing import NamedTuple

from dasktop.tui.draw.text_width import width


class Glyphs(NamedTuple):
    """One set of drawing characters."""

    unfolded: str
    folded: str
    solid: str
    """A cell of a bar."""
    dashed: str
    """A cell of a bar's second part, such as unmanaged memory."""
    half: str
    """The cell at the end of a bar of which only the left half is filled; empty if there is no such character."""
    track: str
    """A cell that a bar has not reached."""
    mark: str
    """A mark on the track."""
    reached: str
    """A mark that a bar has reached."""
    levels: str
    """From the lowest to the highest point of a sparkline."""
    is_unicode: bool

    def encode(self, text: str) -> str:
        """Return a printable text with only characters of this set, in the same width."""
        return text if self.is_unicode or text.isascii() else text.translate(_ASCII_FOR)


UNICODE = Glyphs(
    unfolded="▾",
    folded="▸",
    solid="━",
    dashed="╍",
    half="╾",
    track="─",
    mark="┴",
    reached="┷",
    levels="▁▂▃▄▅▆▇█",
    is_unicode=True,
)
ASCII = Glyphs(
    unfolded="v",
    folded=">",
    solid="=",
    dashed="~",
    half="",
    track="-",
    mark="+",
    reached="+",
    levels="_.-=+*#",
    is_unicode=False,
)


def glyphs(*, unicode: bool) -> Glyphs:
    """Return the set for a terminal with or without Unicode."""
    return UNICODE if unicode else ASCII


class _AsciiFor(dict[int, str]):
    """A table for `str.translate`: replacements for the drawing characters, and ``?`` for all others."""

    def __missing__(self, codepoint: int) -> str:
        character = chr(codepoint)
        self[codepoint] = text = character if character.isascii() else "?" * width(character)
        return text


_ASCII_FOR = _AsciiFor(
    str.maketrans(
        {
            "–": "-",
            "…": ">",
            "·": "-",
            "─": "-",
            "│": "|",
            "┃": "#",
            "━": "=",
            "╍": "~",
            "┄": ":",
            "┈": ".",
            "┊": "!",
            "┴": "+",
            "╭": ".",
            "╮": ".",
            "╰": "'",
            "╯": "'",
            "▁": "_",
            "▂": "_",
            "▃": ".",
            "▄": "-",
            "▅": "-",
            "▆": "=",
            "▇": "#",
            "▲": "^",
            "▼": "v",
            "█": "#",
            "▾": "v",
            "▸": ">",
            "↑": "^",
            "↓": "v",
            "→": ">",
            "←": "<",
            "×": "x",
            "≤": "<",
            "÷": "/",
            "✓": "+",
            "✗": "x",
        }
    )
)
