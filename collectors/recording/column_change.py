"""The shortest change of a column between two snapshots. Pure, lossless.

A change is one of:

- ``{"to": [cell, …]}``: the new cells
- ``{"at": [gap, …], "to": [cell, …]}``: the new cells of some rows; each gap is the number of unchanged rows before it
- ``{"plus": [number, …], "by": factor}``: what is added to each integer, divided by the factor if there is one
- ``{"plus": [number, …], "per": scale}``: what is added to each decimal fraction, in units of 1/scale
"""

import math
from collections.abc import Iterable, Sequence
from itertools import compress, count
from operator import ne, sub
from typing import Any

import msgspec

Cells = list[Any]
Change = dict[str, Any]

_SCALES = (1, 10, 100, 1000, 10_000)
_EXACT_BELOW = 2**50

_encode = msgspec.json.encode


def change(old: Cells, new: Cells, fresh: Sequence[int] = ()) -> Change | None:
    """Return the shortest change from the old to the new cells, which are as many; ``None`` if nothing changed.

    The old cells in the rows ``fresh`` are ``None``, since there were no such rows.
    """
    places = _differing(old, new, fresh)
    if not places:
        return None
    forms: list[Change] = [{"to": new}]
    if 2 * len(places) < len(new) + 2:
        gaps = [place - before - 1 for before, place in zip([-1, *places], places, strict=False)]
        forms.append({"at": gaps, "to": [new[place] for place in places]})
    sums = _sums(old, new, places)
    if sums is not None:
        forms.append(sums)
    return min(forms, key=lambda form: len(_encode(form)))


def changed(old: Cells, change: Change) -> Cells:
    """Apply a change, and return the new cells.

    Raises
    ------
    ValueError, KeyError, TypeError, IndexError
        It is not a change of that column.
    """
    if "plus" in change:
        return _added(old, change)
    if "at" not in change:
        if len(change["to"]) != len(old):
            raise ValueError("a column differs in length from its table")
        return list(change["to"])
    cells, place = list(old), -1
    for gap, cell in zip(change["at"], change["to"], strict=True):
        place += gap + 1
        cells[place] = cell
    return cells


def _differing(old: Cells, new: Cells, fresh: Sequence[int]) -> Sequence[int]:
    """Return the indices of the cells whose JSON differs: that of 1, 1.0 and True does, and that of 0.0 and -0.0."""
    kept = _replaced(old, fresh, [new[place] for place in fresh]) if fresh else old
    if _written_alike(kept, new):  # most columns
        return [place for place in fresh if new[place] is not None]
    places = list(compress(count(), map(ne, old, new)))
    if len(places) == len(new) or _encode(_replaced(old, places, [new[place] for place in places])) == _encode(new):
        return places
    return [place for place, pair in enumerate(zip(old, new, strict=True)) if not _written_alike(*pair)]


def _written_alike(old: object, new: object) -> bool:
    return old == new and _encode(old) == _encode(new)


def _replaced(old: Cells, places: Sequence[int], cells: Iterable[Any]) -> Cells:
    """Return the old cells, but these ones in these places."""
    found = list(old)
    for place, cell in zip(places, cells, strict=True):
        found[place] = cell
    return found


def _sums(old: Cells, new: Cells, places: Sequence[int]) -> Change | None:
    is_everywhere = len(places) == len(new)
    was, now = (old, new) if is_everywhere else ([old[place] for place in places], [new[place] for place in places])
    kinds = {*map(type, was), *map(type, now)}
    differences: list[int]
    unit: Change = {}
    if kinds == {int}:
        differences = list(map(sub, now, was))
        by = math.gcd(*differences)
        if by != 1:
            differences, unit = [difference // by for difference in differences], {"by": by}
    elif kinds == {float} and (per := _scale(was + now)) is not None:
        differences = [round(after * per) - round(before * per) for before, after in zip(was, now, strict=True)]
        unit = {"per": per}
    else:
        return None
    return {"plus": differences if is_everywhere else _replaced([0] * len(new), places, differences)} | unit


def _scale(values: list[float]) -> int | None:
    """Return a scale that makes all values integers that survive the round trip exactly; ``None`` if there is none."""
    if not all(math.isfinite(value) and (value or math.copysign(1, value) > 0) for value in values):
        return None
    largest = max(map(abs, values))
    for scale in _SCALES:
        if largest * scale < _EXACT_BELOW and all(round(value * scale) / scale == value for value in values):
            return scale
    return None


def _added(old: Cells, change: Change) -> Cells:
    per, by = change.get("per"), change.get("by", 1)
    if per is None:
        return [was + n * by if n else was for was, n in zip(old, change["plus"], strict=True)]
    return [(round(was * per) + n) / per if n else was for was, n in zip(old, change["plus"], strict=True)]
