"""Where the selection goes when rows come and go. Pure."""

from collections.abc import Iterable, Sequence

from dasktop.tui.view.rows import Key, Row


def reselect(old: Sequence[Row], index: int, new: Sequence[Row]) -> int:
    """Return the row to select among the new ones.

    The row that was selected, wherever it is now. If it is gone: the next of its siblings that is still there, else
    the one before it, else its parent and so on upwards; else the row that is now where it was.
    """
    if not new:
        return 0
    if not old:
        return 0
    if index < len(new) and new[index].key == old[index].key:
        return index
    places = {row.key: place for place, row in enumerate(new)}
    for key in _heirs(old, index):
        if key in places:
            return places[key]
    return min(index, len(new) - 1)


def _heirs(rows: Sequence[Row], index: int) -> Iterable[Key]:
    """Yield the keys that may take over, best first."""
    row: Row | None = rows[index]
    while row is not None:
        yield row.key
        yield from (other.key for other in rows[index + 1 :] if other.parent == row.parent)
        yield from (rows[place].key for place in range(index - 1, -1, -1) if rows[place].parent == row.parent)
        row, index = _parent(rows, row, index)


def _parent(rows: Sequence[Row], row: Row, index: int) -> tuple[Row | None, int]:
    """Return the parent and where it is; it stands above its children."""
    if row.parent is not None:
        for place in range(index - 1, -1, -1):
            if rows[place].key == row.parent:
                return rows[place], place
    return None, index
