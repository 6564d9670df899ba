"""What dask computes, as lines: the progress bar of the header, and a table by computation and task name. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from dasktop.collectors.model.work import Computation, Eta, RunningTask, TaskName, TaskStates, Work
from dasktop.collectors.text.format import counted
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.bars import bar
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import Align, cut, fit, width
from dasktop.tui.view.cells import clock

UNKNOWN_WORK = "What dask computes is unknown: the scheduler does not report it."
_MOST_BAR_CELLS, _LEAST_BAR_CELLS = 40, 6
_MOST_RUNNING = 20

_SEGMENTS: tuple[tuple[str, tuple[str, ...], Role], ...] = (
    ("█", ("memory", "released"), "good"),
    ("▒", ("processing",), "cpu"),
    ("×", ("erred",), "bad"),
    ("░", ("queued", "no-worker"), "waiting"),
    ("─", ("waiting",), "quiet"),
)
"""The parts of a bar: its character, the states that it shows, and its role."""
LEGEND = "█ done  ▒ processing  × failed  ░ queued  ─ waiting"


def progress_line(work: Work, now: datetime, cells: int, glyphs: Glyphs) -> list[Piece]:
    """Return the progress of all work in one line; what does not fit is left out: first the rate, then the ETA."""
    progress = work.progress
    if progress.total <= 0:
        return [Piece(" WORK ", "quiet"), Piece("none")]
    failed = f"   {figures.count(progress.failed)} failed" if progress.failed else ""
    counts = f"  {figures.count(progress.done)} of {figures.count(progress.total)}"
    rate = "" if work.rate_per_second is None else f"   {rate_text(work.rate_per_second)}"
    eta = "" if work.eta is None else f"   done {eta_text(work.eta, now)}"
    for text in (counts + rate + eta, counts + eta, counts):
        room = min(_MOST_BAR_CELLS, cells - len(" WORK ") - width(text + failed))
        if room >= _LEAST_BAR_CELLS:
            break
    room = max(0, room)
    done = bar(100 * progress.done / progress.total, room, glyphs).rstrip(glyphs.blocks[0])
    return [
        Piece(" WORK ", "quiet"),
        Piece(done, "good"),
        Piece("─" * (room - len(done)), "quiet"),
        Piece(text),
        *([Piece(failed, "bad")] if failed else []),
    ]


def rate_text(per_second: float | None) -> str:
    """Return ``14.2/s``, ``310/s``, or for less than one per second ``12/min``; unknown: ``–``."""
    if per_second is None or not math.isfinite(per_second):
        return UNKNOWN
    if per_second < 1:
        return f"{60 * per_second:.0f}/min"
    return f"{per_second:.1f}/s" if per_second < 100 else f"{figures.short_count(per_second)}/s"


def eta_text(eta: Eta | None, now: datetime) -> str:
    """Return ``15:38–15:46``, ``about 15:38`` if both are the same minute; unknown: ``–``."""
    if eta is None:
        return UNKNOWN
    earliest, latest = clock(eta.earliest, now), clock(eta.latest, now)
    return f"about {earliest}" if earliest == latest else f"{earliest}–{latest}"


def seconds_text(seconds: float | None) -> str:
    """Return a duration in at most six cells: ``0.4s``, ``12s``, ``4m10s``, ``2h05m``, ``3d``; unknown: ``–``."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return UNKNOWN
    if seconds < 59.5:
        return f"{seconds:.1f}s" if seconds < 9.95 else f"{seconds:.0f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m" if whole < 100 * 3600 else f"{min(whole // 86400, 99999)}d"


def segments(states: Mapping[str, int], cells: int) -> list[Piece]:
    """Return the states as a bar of exactly `cells` cells, in parts that differ also without colour.

    A state with a task is visible where there is room for it.
    """
    numbers = [max(0, sum(states.get(state, 0) for state in names)) for _, names, _ in _SEGMENTS]
    total = sum(numbers)
    if not total or cells <= 0:
        return [Piece(" " * max(0, cells))]
    exact = [cells * number / total for number in numbers]
    lengths = [max(1, int(length)) if number else 0 for length, number in zip(exact, numbers, strict=True)]
    while sum(lengths) != cells:
        is_short = sum(lengths) < cells
        shown = [place for place, length in enumerate(lengths) if length]
        # Lengthen the part that lacks most, shorten the longest one.
        place = max(shown, key=lambda at: exact[at] - lengths[at] if is_short else lengths[at])
        lengths[place] += 1 if is_short else -1
    drawn = zip(_SEGMENTS, lengths, strict=True)
    return [Piece(character * length, role) for (character, _, role), length in drawn if length]


class _Column(NamedTuple):
    head: str
    cells: int
    align: Align = "right"


_COLUMNS = (
    _Column("DONE", 13),
    _Column("PROC", 6),
    _Column("WAIT", 6),
    _Column("FAILED", 6),
    _Column("MEAN", 6),
    _Column("LONGEST", 7),
    _Column("RATE", 8),
    _Column("HELD", 5),
    _Column("ETA", 13),
)
_LEFT_OUT_FIRST = ("HELD", "RATE", "LONGEST", "WAIT", "ETA", "MEAN", "FAILED", "PROC", "DONE")
_LEAST_NAME_CELLS, _MOST_NAME_CELLS = 16, 60
_GAP = 2


def work_lines(work: Work | None, now: datetime, cells: int, glyphs: Glyphs) -> list[list[Piece]]:
    """Return the progress, a table by computation and task name, and the longest running tasks."""
    if work is None:
        lines = [[Piece(cut(UNKNOWN_WORK, cells), "quiet")]]
    else:
        lines = [
            progress_line(work, now, cells, glyphs),
            [],
            *_table(work, now, cells),
            *_running(work.running, cells),
        ]
    return [[Piece(glyphs.encode(text), role) for text, role in _cropped(line, cells)] for line in lines]


def _table(work: Work, now: datetime, cells: int) -> Iterator[list[Piece]]:
    columns, name_cells, bar_cells = _fitted(cells)
    heads = "".join(" " * _GAP + fit(column.head, column.cells, column.align) for column in columns)
    yield [Piece(fit("NAME", name_cells) + " " * (_GAP + bar_cells) + heads, "head")]
    names = {name.name: name for name in work.task_names}
    listed: set[str] = set()
    # The newest computation is what the user waits for.
    for computation in reversed(work.computations):
        texts = _computation_texts(computation, now)
        yield _row(computation_name(computation), computation.states, texts, columns, name_cells, bar_cells, "strong")
        for name in computation.task_names:
            # Figures of a name are of all its tasks, so that it is listed once.
            if name in names and name not in listed:
                listed.add(name)
                yield _name_row(names[name], now, columns, name_cells, bar_cells)
    others = [name for name in work.task_names if name.name not in listed]
    if others:
        if work.computations:
            yield [Piece("in no listed computation", "strong")]
        for other in others:
            yield _name_row(other, now, columns, name_cells, bar_cells)
    if work.more_task_names > 0:
        yield [Piece(f"  and {counted(work.more_task_names, 'more task name')}", "quiet")]
    yield []
    yield [Piece(LEGEND, "quiet")]


def _fitted(cells: int) -> tuple[tuple[_Column, ...], int, int]:
    """Return the columns that fit, and the cells of the name and of the bar."""
    columns: tuple[_Column, ...] = _COLUMNS
    for left_out in ("", *_LEFT_OUT_FIRST):
        columns = tuple(column for column in columns if column.head != left_out)
        spare = cells - sum(column.cells + _GAP for column in columns) - _GAP
        if spare >= _LEAST_NAME_CELLS + _LEAST_BAR_CELLS:
            break
    spare = max(0, spare)
    bar_cells = min(_MOST_BAR_CELLS, spare // 3)
    return columns, min(_MOST_NAME_CELLS, spare - bar_cells), bar_cells


def computation_name(computation: Computation) -> str:
    """Return the name that the user gave it, or else the last source line that started it."""
    lines = [line.strip() for block in computation.code or () for line in block.splitlines() if line.strip()]
    return computation.name or (lines[-1] if lines else "computation")


def _computation_texts(computation: Computation, now: datetime) -> dict[str, str]:
    eta = f"ended {clock(computation.ended_at, now)}" if computation.ended_at else eta_text(computation.eta, now)
    return _counts(computation.states) | {"ETA": eta}


def _name_row(name: TaskName, now: datetime, columns: Sequence[_Column], name_cells: int, bar: int) -> list[Piece]:
    texts = _counts(name.states) | {
        "MEAN": seconds_text(name.seconds_mean),
        "LONGEST": seconds_text(name.seconds_max),
        "RATE": rate_text(name.rate_per_second),
        "HELD": figures.bytes_text(name.bytes_stored),
        "ETA": eta_text(name.eta, now),
    }
    return _row(f"  {name.name}", name.states, texts, columns, name_cells, bar, "text")


def _counts(states: TaskStates) -> dict[str, str]:
    done, total = states.get("memory", 0) + states.get("released", 0), sum(states.values())
    waiting = sum(states.get(state, 0) for state in ("waiting", "queued", "no-worker"))
    return {
        "DONE": f"{figures.short_count(done)}/{figures.short_count(total)}",
        "PROC": figures.short_count(states.get("processing", 0)),
        "WAIT": figures.short_count(waiting),
        "FAILED": figures.short_count(states.get("erred", 0)),
    }


def _row(
    label: str,
    states: TaskStates,
    texts: Mapping[str, str],
    columns: Sequence[_Column],
    name_cells: int,
    bar_cells: int,
    role: Role,
) -> list[Piece]:
    line = [Piece(fit(label, name_cells), role), Piece(" " * _GAP), *segments(states, bar_cells)]
    for column in columns:
        is_bad = column.head == "FAILED" and bool(states.get("erred"))
        text = fit(texts.get(column.head, ""), column.cells, column.align)
        line.append(Piece(" " * _GAP + text, "bad" if is_bad else "text"))
    return line


def _running(running: Sequence[RunningTask] | None, cells: int) -> Iterator[list[Piece]]:
    """Yield the longest running tasks, the longest first."""
    if not running:
        return
    yield []
    yield [Piece("LONGEST RUNNING", "strong")]
    for task in sorted(running, key=lambda task: -task.seconds)[:_MOST_RUNNING]:
        place = f"{task.worker or UNKNOWN}{f' in job {task.job_id}' if task.job_id else ''}"
        place_cells = min(width(place) + _GAP, cells // 3)
        times = f"{seconds_text(task.seconds):>6}  mean {seconds_text(task.typical_seconds):<6}  "
        key_cells = max(0, cells - len(times) - place_cells)
        line = [Piece(times), Piece(fit(task.key, key_cells), "strong"), Piece("  ")]
        yield [*line, Piece(cut(place, max(0, place_cells - _GAP)), "quiet")]


def _cropped(pieces: Sequence[Piece], cells: int) -> Iterator[Piece]:
    for text, role in pieces:
        yield Piece(cut(text, cells), role)
        cells = max(0, cells - width(text))
