"""The characters that the screen is drawn with, in Unicode and in ASCII. Knows nothing of what they show."""

from typing import NamedTuple

from dasktop.tui.draw.text_width import width


class Glyphs(NamedTuple):
    """One set of drawing characters."""

    unfolded: str
    folded: str
    blocks: str
    """A cell filled by nothing, one part, … all parts."""
    levels: str
    """From the lowest to the highest point of a sparkline."""
    is_unicode: bool

    def own(self, text: str) -> str:
        """Return a settled text in this set, as wide as it was."""
        return text if self.is_unicode or text.isascii() else text.translate(_ASCII_FOR)


UNICODE = Glyphs(unfolded="▾", folded="▸", blocks=" ▏▎▍▌▋▊▉█", levels="▁▂▃▄▅▆▇█", is_unicode=True)
ASCII = Glyphs(unfolded="v", folded=">", blocks=".#", levels="_.-=+*#", is_unicode=False)


def glyphs(*, unicode: bool) -> Glyphs:
    """Return the set for a terminal that can, or cannot, show Unicode."""
    return UNICODE if unicode else ASCII


class _AsciiFor(dict[int, str]):
    """A table for `str.translate`: what stands for our own characters, and ``?`` for anybody else's."""

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
            "÷": "/",
            "✓": "+",
            "✗": "x",
        }
    )
)
