"""Tracks what the terminal shows, so that only changed cells are sent. Pure.

Textual sends a whole line if one figure in it has changed. On a slow connection that is noticeable, and it is most of
the traffic.
"""

import re
from collections.abc import Iterator
from itertools import groupby, repeat

from rich.cells import cell_len

from dasktop.tui.draw.text_width import is_single_width
from dasktop.tui.terminal.pens import change, on_blank

Cell = tuple[str, str]
"""A character, and its style as SGR parameters; ``""``: the terminal's default."""

_UNKNOWN: Cell = ("", "")
_RUN = re.compile(r"(?=\x1b\[\d+;\d+H)")
_TOKEN = re.compile(r"\x1b\[(?P<pen>[\d;]*)m|(?P<text>[^\x00-\x1f\x7f]+)|\n")
_POSITION = re.compile(r"\x1b\[(\d+);(\d+)H")
_ALTERNATE_SCREEN = "\x1b[?1049"
_MIN_SKIPPED_CELLS = 4
"""A cursor movement over unchanged cells takes this many bytes; fewer cells are sent again instead."""


def is_update(data: str) -> bool:
    """Return whether a single write of Textual's is a screen update."""
    return _POSITION.match(data) is not None


class SentScreen:
    """The cells that the terminal shows, as far as they are known."""

    def __init__(self) -> None:
        self._lines: dict[int, list[Cell]] = {}
        self._latest_runs: dict[int, str] = {}
        self._cursor = ""
        self._pen = ""  # of the terminal, while an update is made; between updates, it is the default

    def forget(self) -> None:
        """Forget everything: the terminal may show something else."""
        self._lines.clear()
        self._latest_runs.clear()
        self._cursor = ""

    def changes(self, data: str) -> str:
        """Return what has to be sent so that the terminal looks as if all of `data` were sent.

        Parameters
        ----------
        data
            A single write of Textual's. If it is not a screen update, it is returned unchanged.
        """
        before, *runs = _RUN.split(data)
        if before or not runs:
            if _ALTERNATE_SCREEN in data:
                self.forget()
            return data
        cursor = runs.pop() if _POSITION.fullmatch(runs[-1]) else ""
        self._pen = ""
        try:
            sent = "".join(map(self._changes_of_run, runs)) + change(self._pen, "")
        except _UnknownError:
            self.forget()
            return data
        if not sent and cursor == self._cursor:
            return ""
        self._cursor = cursor
        return sent + cursor

    def _changes_of_run(self, run: str) -> str:
        """Return what has to be sent of a run, the characters from one position of a line on."""
        position = _POSITION.match(run)
        assert position is not None  # noqa: S101 - for the type checker
        y, x = map(int, position.groups())
        if self._latest_runs.get(y) == run:
            return ""
        self._latest_runs[y] = run
        cells = _cells(run, position.end())
        if not all(map(is_single_width, {character for character, _ in cells})):
            self._lines.pop(y, None)
            before, self._pen = self._pen, ""
            return change(before, "") + _aligned(y, x, cells)
        line = self._lines.setdefault(y, [])
        end = x + len(cells)
        line.extend([_UNKNOWN] * (end - len(line)))
        pieces: list[str] = []
        at, pen = None, self._pen
        for first, last in _spans(line[x:end], cells):
            pieces.append(_move(y, x + first) if at is None else f"\x1b[{first - at}C")
            for character, style in cells[first:last]:
                if style != pen and not (character == " " and on_blank(pen) == style):
                    pieces.append(change(pen, style))
                    pen = style
                pieces.append(character)
            at = last
        line[x:end] = cells
        self._pen = pen
        return "".join(pieces)


def _move(y: int, x: int) -> str:
    return f"\x1b[{y};{x}H"


def _aligned(y: int, x: int, cells: list[Cell]) -> str:
    """Return a whole run, with the cursor repositioned after characters whose width depends on the terminal.

    The cells of such a character are blanked first.
    """
    pieces = [_move(y, x)]
    pen = ""
    for (is_single, style), clusters in groupby(_clusters(cells), lambda cell: (is_single_width(cell[0]), cell[1])):
        text = "".join(cluster for cluster, _ in clusters)
        cells_taken = cell_len(text)
        pieces.append(change(pen, style))
        pieces += [text] if is_single else [" " * cells_taken, _move(y, x), text, _move(y, x + cells_taken)]
        x += cells_taken
        pen = style
    return "".join([*pieces, change(pen, "")])


def _clusters(cells: list[Cell]) -> Iterator[Cell]:
    """Yield each character with its combining characters."""
    cluster, pen = "", ""
    for character, style in cells:
        if cluster and cell_len(character):
            yield cluster, pen
            cluster = ""
        cluster, pen = cluster + character, style if not cluster else pen
    yield cluster, pen


class _UnknownError(Exception):
    """An update contains an unknown sequence."""


def _cells(run: str, at: int) -> list[Cell]:
    """Return the cells of a run, from offset `at` on."""
    cells: list[Cell] = []
    pen = ""
    while at < len(run):
        token = _TOKEN.match(run, at)
        if token is None:
            raise _UnknownError
        at = token.end()
        if (text := token["text"]) is not None:
            if (blank := on_blank(pen)) != pen:
                cells += [(character, blank if character == " " else pen) for character in text]
            else:
                cells += zip(text, repeat(pen), strict=False)
        elif (style := token["pen"]) is not None:
            pen = "" if style in ("", "0") else f"{pen};{style}".strip(";")  # Rich resets before the next style
    return cells


def _spans(old: list[Cell], new: list[Cell]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of cells to send: changed ones, and gaps that are too short to skip."""
    first = last = -1
    for place, (before, now) in enumerate(zip(old, new, strict=True)):
        if before == now:
            continue
        if first < 0:
            first = place
        elif place > last and _can_skip(new[last - 1 : place + 1]):
            yield first, last
            first = place
        last = place + 1
    if first >= 0:
        yield first, last


def _can_skip(cells: list[Cell]) -> bool:
    """Return whether to skip unchanged cells, given with the cell before and the cell after them."""
    return len(cells) - 2 >= _MIN_SKIPPED_CELLS or len({pen for _, pen in cells}) > 1
