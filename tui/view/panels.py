"""Which panels a screen has room for, and their size. Pure."""

from typing import Literal, NamedTuple

from dasktop.tui.draw.boxes import BORDER_LINES

FROM_CELLS, FROM_LINES = 110, 30
"""The smallest screen with panels."""
_FEWEST_LINES, _MOST_LINES = 5, 17
"""Lines in a panel, without the border."""
_USUAL_SHARE = 4
"""Panels take a quarter of the lines of the screen, or more if there are many task names."""
_HEAD_LINES = 1
_LINES_FOR_OTHERS = 31
"""Lines that are kept for the header, the findings, the tree, the details and the keys."""
_LEAST_HISTORY_CELLS, _MOST_HISTORY_CELLS = 44, 82
"""The graphs of ten minutes need no more."""


PanelName = Literal["work", "history"]
PANELS: dict[PanelName, str] = {"work": "progress, by task name", "history": "graphs of the last minutes"}
"""All panels, from left to right, and what they show."""
_CYCLE: tuple[tuple[PanelName, ...], ...] = (("work", "history"), ("work",), ("history",), ())


def next_panels(shown: tuple[PanelName, ...]) -> tuple[PanelName, ...]:
    """Return what is shown after these: both, one of them, the other, none."""
    place = next((place for place, names in enumerate(_CYCLE) if set(names) == set(shown)), -1)
    return _CYCLE[(place + 1) % len(_CYCLE)]


class Panels(NamedTuple):
    """The size of the panels, borders included; 0: not shown."""

    lines: int = 0
    work: int = 0
    history: int = 0

    @property
    def content_lines(self) -> int:
        """The lines in each panel, without the border."""
        return max(0, self.lines - BORDER_LINES)


NONE = Panels()
NEEDS = f"on a screen of at least {FROM_CELLS}x{FROM_LINES}"


def has_room(cells: int, lines: int) -> bool:
    """Return whether a screen of this size has room for panels."""
    return cells >= FROM_CELLS and lines >= FROM_LINES


def fit_panels(cells: int, lines: int, names: int = 0, *, work: bool = True, history: bool = True) -> Panels:
    """Return the panels beside each other on a screen of this size.

    Parameters
    ----------
    names
        The number of task names.
    work, history
        Whether the panel is to be shown.
    """
    if not has_room(cells, lines) or not (work or history):
        return NONE
    wanted = max(lines // _USUAL_SHARE, names + _HEAD_LINES if work else 0)
    high = BORDER_LINES + max(_FEWEST_LINES, min(wanted, _MOST_LINES, lines - _LINES_FOR_OTHERS))
    if not (work and history):
        return Panels(high, cells if work else 0, cells if history else 0)
    history_cells = max(_LEAST_HISTORY_CELLS, min(_MOST_HISTORY_CELLS, cells * 2 // 5))
    return Panels(high, cells - history_cells, history_cells)
