"""The drawing characters, in Unicode and in ASCII. Pure."""

from typing import NamedTuple

from dasktop.tui.draw.text_width import width


class Glyphs(NamedTuple):
    """One set of drawing characters."""

    unfolded: str
    folded: str
    blocks: str
    """The cells of a bar, from an empty to a full one."""
    levels: str
    """From the lowest to the highest point of a sparkline."""
    is_unicode: bool

    def encode(self, text: str) -> str:
        """Return a printable text with only characters of this set, in the same width."""
        return text if self.is_unicode or text.isascii() else text.translate(_ASCII_FOR)


UNICODE = Glyphs(unfolded="▾", folded="▸", blocks=" ▏▎▍▌▋▊▉█", levels="▁▂▃▄▅▆▇█", is_unicode=True)
ASCII = Glyphs(unfolded="v", folded=">", blocks=".#", levels="_.-=+*#", is_unicode=False)


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
            "█": "#",
            "▒": "+",
            "░": ".",
            "▾": "v",
            "▸": ">",
            "↑": "^",
            "↓": "v",
            "→": ">",
            "×": "x",
            "≤": "<",
            "÷": "/",
            "✓": "+",
            "✗": "x",
        }
    )
)
