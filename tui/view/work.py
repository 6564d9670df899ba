"""What dask computes, as text: the progress line of the header, bars of states, rates and durations. Pure."""

import math
from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from dasktop.collectors.analysis.erred_tasks import progress_states
from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.collectors.model.work import Computation, Eta, TaskStates, Work
from dasktop.collectors.text.format import counted
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.bars import bar
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import width
from dasktop.tui.draw.times import clock

UNKNOWN_WORK = "What dask computes is unknown: not reported by the scheduler (or --no-probe)."
CANNOT_RUN = "cannot run"
"""What is said of tasks that no worker may run, or for which there is none."""
UNSPLIT = "failed or blocked"
"""What is said of erred tasks of which it is not known how many failed themselves."""
_MOST_NAMES_LEFT_OUT, _MOST_NAMED_CELLS = 2, 30
"""How many names of tasks that an ETA leaves out are named, and how long these may be together."""
_MOST_BAR_CELLS, _LEAST_BAR_CELLS, _SHORTEST_BAR_CELLS = 40, 6, 4
"""Lengths of the bar. It is shortened, and left out, before the ETA or what cannot run is left out."""


class Segment(NamedTuple):
    """A part of a bar."""

    character: str
    word: str
    states: tuple[str, ...]
    """The states that it shows, as `erred_tasks` splits them."""
    role: Role


SEGMENTS = (
    Segment("━", "done", ("memory", "released"), "done"),
    Segment("╍", "processing", ("processing",), "cpu"),
    Segment("×", "failed", ("failed",), "failed"),
    Segment("/", "blocked", ("blocked",), "failed"),
    Segment("?", UNSPLIT, ("erred",), "failed"),
    Segment("┊", CANNOT_RUN, ("no-worker",), "stuck"),
    Segment("┄", "queued", ("queued",), "queued"),
    Segment("─", "waiting", ("waiting",), "track"),
)
"""Heavy lines are done or being done, light ones are not; the rest is neither."""
WORDS = tuple(segment.word for segment in SEGMENTS)
UNFINISHED = ("processing", CANNOT_RUN, "queued", "waiting")
"""The words of tasks that are neither done nor failed."""
FAILED = ("failed", "blocked", UNSPLIT)
"""The words of erred tasks."""


def legend(words: Collection[str]) -> list[Piece]:
    """Return the characters of a bar and what they mean, of these words."""
    return [
        piece
        for segment in SEGMENTS
        if segment.word in words
        for piece in (Piece(f" {segment.character}", segment.role), Piece(f" {segment.word}", "quiet"))
    ]


LEGEND = legend([word for word in WORDS if word != UNSPLIT])


def number_in(states: TaskStates, word: str) -> int:
    """Return how many tasks a segment shows, by its word."""
    [names] = [segment.states for segment in SEGMENTS if segment.word == word]
    return sum(max(0, states.get(state, 0)) for state in names)


def progress_line(work: Work, now: datetime, cells: int, glyphs: Glyphs) -> list[Piece]:
    """Return the progress of all work in one line; what does not fit is left out: first the rate, then the ETA."""
    progress = work.progress
    states = sum((Counter(name.states) for name in work.task_names), Counter[str]())
    if progress.total <= 0:
        return [Piece(" WORK ", "quiet"), Piece("none")]
    erred = progress_states(progress)
    failed = _in_words(erred, "failed") + _in_words(erred, UNSPLIT)
    blocked, stuck = _in_words(erred, "blocked"), _in_words(states, CANNOT_RUN)
    counts = f"  {figures.count(progress.done)} of {figures.count(progress.total)}"
    rate = "" if work.rate_per_second is None else f"   {rate_text(work.rate_per_second)}"
    known = work.eta if not is_stuck(states) else None
    end = eta_text(known, now)
    # Tasks that cannot run need not be mentioned twice.
    is_told = bool(stuck) and (known is None or known.tasks_left_out <= number_in(states, CANNOT_RUN))
    named, short = (
        "" if known is None else f"   done {end}{left_out_text(known, is_short=each)}" for each in (False, True)
    )
    rest, short_rest = (f"   rest done {end}",) * 2 if known is not None and is_told else (named, short)
    if known is not None and not known.tasks_left_out:
        named = short = rest
    for text, behind, without, least in (
        (counts + rate + rest, blocked, stuck, _LEAST_BAR_CELLS),
        (counts + rest, blocked, stuck, 0),
        (counts + short_rest, blocked, stuck, 0),
        (counts + rest, "", stuck, 0),
        (counts + short_rest, "", stuck, 0),
        (counts + named, "", "", 0),
        (counts + short, "", "", 0),
        (counts + (f"   rest done {end}" if known is not None else ""), "", "", 0),
        (counts, "", stuck, _LEAST_BAR_CELLS),
        (counts, "", "", 0),
    ):
        room = min(_MOST_BAR_CELLS, cells - len(" WORK ") - width(text + failed + behind + without))
        if room >= least:
            break
    return [
        Piece(" WORK ", "quiet"),
        *bar(100 * progress.done / progress.total, room if room >= _SHORTEST_BAR_CELLS else 0, "done", glyphs),
        Piece(text),
        *([Piece(failed, "bad")] if failed else []),
        *([Piece(behind, "bad")] if behind else []),
        *([Piece(without, "waiting")] if without else []),
    ]


def _in_words(states: TaskStates, word: str) -> str:
    """Return ``   3 failed``; empty if there is none."""
    number = number_in(states, word)
    return f"   {figures.count(number)} {word}" if number else ""


def findings_by_name(snapshot: Snapshot) -> dict[str, tuple[Finding, ...]]:
    """Return the findings about each task name, the worst first. Older recordings name none that no worker can run."""
    found: dict[str, tuple[Finding, ...]] = {}
    for finding in snapshot.findings:
        names = finding.task_names
        if finding.code == "tasks-unrunnable" and not names and snapshot.work is not None:
            names = tuple(dict.fromkeys(task.task_name for task in snapshot.work.unrunnable))
        for name in names:
            found[name] = (*found.get(name, ()), finding)
    return found


def marked_names(snapshot: Snapshot) -> frozenset[str]:
    """Return the task names that warnings or errors are about."""
    about = findings_by_name(snapshot).items()
    return frozenset(name for name, findings in about if findings[0].severity != "info")


def is_stuck(states: TaskStates) -> bool:
    """Return whether no worker may run any task that is left, or there is no worker."""
    return states.get("no-worker", 0) > 0 and not any(states.get(state) for state in ("processing", "queued"))


def rate_text(per_second: float | None) -> str:
    """Return ``14.2/s``, ``310/s``, or for less than one per second ``12/min``; unknown: ``–``."""
    if per_second is None or not math.isfinite(per_second):
        return UNKNOWN
    if per_second < 1:
        return f"{60 * per_second:.0f}/min"
    return f"{per_second:.1f}/s" if per_second < 100 else f"{figures.short_count(per_second)}/s"


def eta_text(eta: Eta | None, now: datetime) -> str:
    """Return ``15:38–15:46``, ``Mon 08:10–11:40``, ``about 15:38`` if both are the same minute; unknown: ``–``.

    ``by 15:46`` if it may be done at any time from now on: an early end of now would run with the clock.
    """
    if eta is None:
        return UNKNOWN
    earliest, latest = clock(eta.earliest, now), clock(eta.latest, now)
    if earliest == latest:
        return f"about {earliest}"
    if eta.earliest <= now or earliest == clock(now, now):
        return f"by {latest}"
    day, _, time = latest.rpartition(" ")
    return f"{earliest}–{time}" if day and earliest.startswith(f"{day} ") else f"{earliest}–{latest}"


def left_out_text(eta: Eta | None, *, is_short: bool = False) -> str:
    """Return `` except 1 interpolate``: the tasks that will not be done by then; an empty text if there are none.

    If there are more than two names, if these are long, or if it has to be short: `` except 5 tasks``.
    """
    if eta is None or not eta.tasks_left_out:
        return ""
    named = ", ".join(f"{figures.count(one.tasks)} {one.task_name}" for one in eta.left_out)
    if is_short or not 1 <= len(eta.left_out) <= _MOST_NAMES_LEFT_OUT or width(named) > _MOST_NAMED_CELLS:
        return f" except {counted(eta.tasks_left_out, 'task')}"
    return f" except {named}"


def segments(states: TaskStates, cells: int) -> list[Piece]:
    """Return the states as a bar of exactly `cells` cells, in parts that differ also without colour.

    A state with a task is visible where there is room for it.
    """
    numbers = [number_in(states, segment.word) for segment in SEGMENTS]
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
    drawn = zip(SEGMENTS, lengths, strict=True)
    return [Piece(segment.character * length, segment.role) for segment, length in drawn if length]


def computation_name(computation: Computation) -> str:
    """Return the name that the user gave it, else the source line that started it, else its task names.

    That is the middle one of three source lines; of fewer, the last one: a notebook's cell usually ends with it.
    """
    lines = [line.strip() for line in computation.code or ()]
    line = lines[1] if len(lines) == 3 else next(filter(None, reversed(lines)), "")
    return computation.name or line or ", ".join(computation.task_names) or "computation"
