"""Horizontal bars of exact width. Pure."""

from dasktop.tui.draw.glyphs import Glyphs


def bar(percent: float, cells: int, glyphs: Glyphs) -> str:
    """Return a bar of ``cells`` cells, filled to ``percent``.

    Drawn in eighths of a cell where the glyphs have them. Anything above nothing shows, and only all of it looks full.
    """
    parts = len(glyphs.blocks) - 1
    whole = cells * parts
    filled = min(max(round(percent / 100 * whole), 0), whole)
    if 0 < percent < 100 and whole > 1:
        filled = min(max(filled, 1), whole - 1)
    full, part = divmod(filled, parts)
    text = glyphs.blocks[-1] * full + (glyphs.blocks[part] if part else "")
    return text + glyphs.blocks[0] * (cells - len(text))
