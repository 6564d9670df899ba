"""One column's change: how its values differ from what they were, in as few characters as can be. Pure, and exact.

``{"to": [v, …]}``
    All values, one a row.
``{"at": [2, 0, 5], "to": [v, v, v]}``
    Only these; each place counts the rows left as they were since the one before.
``{"plus": [n, …], "by": b}``
    What to add to each, times ``b`` (1 unless told). A row of which nothing changed has 0, whatever it holds.
``{"plus": [n, …], "per": p}``
    The same for fractions: the new value is ``(round(old * p) + n) / p``.
"""

import math
from typing import Any

import msgspec

Cells = list[Any]
Change = dict[str, Any]

_SCALES = (1, 10, 100, 1000, 10_000)
_EXACT_BELOW = 2**50

_encode = msgspec.json.encode


def change(old: Cells, new: Cells) -> Change | None:
    """Return what makes the new cells of the old ones, which are as many; ``None`` where nothing has changed."""
    places = [place for place, (was, now) in enumerate(zip(old, new, strict=True)) if not _same(was, now)]
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


def changed(old: Cells, told: Change) -> Cells:
    """Return the new cells.

    Raises
    ------
    ValueError, KeyError, TypeError, IndexError
        This is no change of that column.
    """
    if "plus" in told:
        return _added(old, told)
    if "at" not in told:
        if len(told["to"]) != len(old):
            raise ValueError("a column is not as long as its table")
        return list(told["to"])
    cells, place = list(old), -1
    for gap, cell in zip(told["at"], told["to"], strict=True):
        place += gap + 1
        cells[place] = cell
    return cells


def _same(was: object, now: object) -> bool:
    """Tell whether two cells are written alike: 1, 1.0 and True are not, nor are 0.0 and -0.0."""
    return was is now or (type(was) is type(now) and was == now and (was != 0 or str(was) == str(now)))


def _sums(old: Cells, new: Cells, places: list[int]) -> Change | None:
    pairs = [(old[place], new[place]) for place in places]
    differences: Cells = [0] * len(new)
    if all(type(was) is int and type(now) is int for was, now in pairs):
        by = math.gcd(*(now - was for was, now in pairs))
        for place, (was, now) in zip(places, pairs, strict=True):
            differences[place] = (now - was) // by
        return {"plus": differences, "by": by} if by != 1 else {"plus": differences}
    if not all(_is_fraction(was) and _is_fraction(now) for was, now in pairs):
        return None
    per = next((scale for scale in _SCALES if all(_fits(value, scale) for pair in pairs for value in pair)), None)
    if per is None:
        return None
    for place, (was, now) in zip(places, pairs, strict=True):
        differences[place] = round(now * per) - round(was * per)
    return {"plus": differences, "per": per}


def _is_fraction(value: object) -> bool:
    return type(value) is float and math.isfinite(value)


def _fits(value: float, scale: int) -> bool:
    """Tell whether a value is a whole number of such parts, and comes back from it as exactly what it was."""
    return abs(value * scale) < _EXACT_BELOW and _same(round(value * scale) / scale, value)


def _added(old: Cells, told: Change) -> Cells:
    per, by = told.get("per"), told.get("by", 1)
    if per is None:
        return [was + n * by if n else was for was, n in zip(old, told["plus"], strict=True)]
    return [(round(was * per) + n) / per if n else was for was, n in zip(old, told["plus"], strict=True)]
