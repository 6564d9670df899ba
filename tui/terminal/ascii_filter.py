"""Replaces what Textual itself draws beyond ASCII, such as the ends of scrollbars and of titles that are cut."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from dasktop.tui.draw.glyphs import ASCII


class AsciiFilter(LineFilter):
    """Leaves only ASCII in a line, in the same width. Our own widgets draw no other characters then."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments with other characters replaced."""
        del background
        return [
            segment if segment.text.isascii() else Segment(ASCII.encode(segment.text), segment.style, segment.control)
            for segment in segments
        ]
