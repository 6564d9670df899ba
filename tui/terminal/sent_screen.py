"""What stands on the terminal, so that only the cells that changed are sent to it. Pure.

Textual sends a whole line for one figure that changed; over a slow line that is felt, and it is most of what a screen
that is kept open sends.
"""

import re
from collections.abc import Iterator
from itertools import groupby, repeat

from rich.cells import cell_len

from dasktop.tui.draw.text_width import is_single_width

Cell = tuple[str, str]
"""A character, and the parameters of the style (SGR) that it is drawn in; ``""``: the terminal's own."""

_UNKNOWN: Cell = ("", "")
_RUN = re.compile(r"(?=\x1b\[\d+;\d+H)")
_TOKEN = re.compile(r"\x1b\[(?P<pen>[\d;]*)m|(?P<text>[^\x00-\x1f\x7f]+)|\n")
_PLACE = re.compile(r"\x1b\[(\d+);(\d+)H")
_OTHER_SCREEN = "\x1b[?1049"
_SHORTEST_JUMP = 4
"""So many bytes it takes to jump over cells that stay; fewer of them are sent once more instead."""
_UNSEEN_ON_BLANKS = re.compile(r"(?:1|2|3|3[0-7]|39|9[0-7])(?:;(?:1|2|3|3[0-7]|39|9[0-7]))*")
"""Bold, dim, italic, and the sixteen colours of characters."""


def is_update(data: str) -> bool:
    """Tell whether what Textual writes at once draws something."""
    return _PLACE.match(data) is not None


class SentScreen:
    """Remembers what was sent, and thins out what is to be sent next."""

    def __init__(self) -> None:
        self._lines: dict[int, list[Cell]] = {}
        self._latest_runs: dict[int, str] = {}
        self._cursor = ""

    def forget(self) -> None:
        """Take nothing for known any more: the terminal may show something else."""
        self._lines.clear()
        self._latest_runs.clear()
        self._cursor = ""

    def thinned(self, data: str) -> str:
        """Return what has to be sent so that the terminal shows what it would after all of this.

        Parameters
        ----------
        data
            What Textual writes at once. Where that isn't an update of the screen, it is returned as it is.
        """
        before, *runs = _RUN.split(data)
        if before or not runs:
            if _OTHER_SCREEN in data:
                self.forget()
            return data
        cursor = runs.pop() if _PLACE.fullmatch(runs[-1]) else ""
        try:
            sent = "".join(map(self._changes, runs))
        except _UnknownError:
            self.forget()
            return data
        if not sent and cursor == self._cursor:
            return ""
        self._cursor = cursor
        return sent + cursor

    def _changes(self, run: str) -> str:
        """Return what has to be sent of a run: of characters from one place of a line on."""
        place = _PLACE.match(run)
        assert place is not None  # noqa: S101 - for the type checker
        y, x = map(int, place.groups())
        if self._latest_runs.get(y) == run:
            return ""
        self._latest_runs[y] = run
        cells = _cells(run, place.end())
        if not all(map(is_single_width, {character for character, _ in cells})):
            self._lines.pop(y, None)
            return _aligned(y, x, cells)
        line = self._lines.setdefault(y, [])
        end = x + len(cells)
        line.extend([_UNKNOWN] * (end - len(line)))
        pieces: list[str] = []
        at, pen = None, ""
        for first, last in _spans(line[x:end], cells):
            pieces.append(_move(y, x + first) if at is None else f"\x1b[{first - at}C")
            for character, style in cells[first:last]:
                if style != pen:
                    pieces.append(_change(pen, style))
                    pen = style
                pieces.append(character)
            at = last
        line[x:end] = cells
        return "".join([*pieces, _change(pen, "")])


def _move(y: int, x: int) -> str:
    return f"\x1b[{y};{x}H"


def _change(pen: str, style: str) -> str:
    """Return what makes another style of this one."""
    return "" if pen == style else f"\x1b[{'0;' if pen and style else ''}{style}m"


def _aligned(y: int, x: int, cells: list[Cell]) -> str:
    """Return all of a run, with what stands behind a text whose width is not agreed on brought to its place.

    Terminals differ in how wide they draw some signs, so the room that we reckon with is blanked before.
    """
    pieces = [_move(y, x)]
    pen = ""
    for (is_agreed, style), clusters in groupby(_clusters(cells), lambda cell: (is_single_width(cell[0]), cell[1])):
        text = "".join(cluster for cluster, _ in clusters)
        cells_taken = cell_len(text)
        pieces.append(_change(pen, style))
        pieces += [text] if is_agreed else [" " * cells_taken, _move(y, x), text, _move(y, x + cells_taken)]
        x += cells_taken
        pen = style
    return "".join([*pieces, _change(pen, "")])


def _clusters(cells: list[Cell]) -> Iterator[Cell]:
    """Yield each character together with the accents that it bears."""
    cluster, pen = "", ""
    for character, style in cells:
        if cluster and cell_len(character):
            yield cluster, pen
            cluster = ""
        cluster, pen = cluster + character, style if not cluster else pen
    yield cluster, pen


class _UnknownError(Exception):
    """There is something in an update that may do anything to the terminal."""


def _cells(run: str, at: int) -> list[Cell]:
    """Return the characters of a run behind the place where they begin."""
    cells: list[Cell] = []
    pen = ""
    while at < len(run):
        token = _TOKEN.match(run, at)
        if token is None:
            raise _UnknownError
        at = token.end()
        if (text := token["text"]) is not None:
            if pen and _UNSEEN_ON_BLANKS.fullmatch(pen):
                cells += [(character, "" if character == " " else pen) for character in text]
            else:
                cells += zip(text, repeat(pen), strict=False)
        elif (style := token["pen"]) is not None:
            pen = "" if style in ("", "0") else f"{pen};{style}".strip(";")  # Rich resets by itself
    return cells


def _spans(old: list[Cell], new: list[Cell]) -> Iterator[tuple[int, int]]:
    """Yield from where to where cells differ; what is not worth a jump counts too."""
    first = last = -1
    for place, (before, now) in enumerate(zip(old, new, strict=True)):
        if before == now:
            continue
        if first < 0:
            first = place
        elif place > last and _is_worth_a_jump(new[last - 1 : place + 1]):
            yield first, last
            first = place
        last = place + 1
    if first >= 0:
        yield first, last


def _is_worth_a_jump(cells: list[Cell]) -> bool:
    """Tell whether to jump over cells that stay; given are also the one before and the one behind them."""
    return len(cells) - 2 >= _SHORTEST_JUMP or len({pen for _, pen in cells}) > 1
