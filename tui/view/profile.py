"""A profile as a tree of functions with their shares, in lines. Pure."""

import itertools
from collections.abc import Iterator

from dasktop.collectors.model.queries import Profile, ProfiledCall
from dasktop.collectors.text.format import counted, plain_duration
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.text_width import cut, cut_left, width, wrap

LEAST_PERCENT = 1.0
"""Functions with a smaller share are left out."""
MOST_ROWS = 2000
_PASSED_ON = 0.98
"""A function of dask that spends this share in one function that it calls is left out."""
_OF_DASK = ("/dask/", "/distributed/")
_INDENT = 2
_MOST_FILE_CELLS = 40
NOT_APART = (
    "–: dask does not count the innermost functions; the time of these is in the own time of the line above them"
)
NO_SAMPLES = (
    "no samples: these workers ran no tasks in this time, only very short ones, or sampling is off "
    "(distributed.worker.profile.enabled)"
)


def profile_lines(profile: Profile, cells: int, glyphs: Glyphs) -> list[list[Piece]]:
    """Return a summary, then one line for each function, below the one that called it.

    A line is indented only below a function that called several others, since stacks are deep.
    """
    of = f"{counted(profile.workers, 'worker')} in the last {plain_duration(max(1, round(profile.seconds)))}"
    summary = f"{counted(profile.samples, 'sample')} of the threads that ran tasks, on {of}"
    lines = [[Piece(part, "quiet")] for part in wrap(summary, cells)]
    lines += [[Piece(part, "waiting")] for problem in profile.problems for part in wrap(problem, cells)]
    if profile.samples:
        lines += [[Piece(part, "quiet")] for part in wrap("total   own  function", cells)]
        rows = itertools.islice(_rows(profile.calls, profile.samples, 0), MOST_ROWS)
        lines += [_line(call, profile.samples, depth, cells) for depth, call in rows]
        if any(line[0].text.startswith("    –") for line in lines):
            lines += [[Piece(part, "quiet")] for part in wrap(NOT_APART, cells)]
    else:
        lines += [[Piece(part)] for part in wrap(NO_SAMPLES, cells)]
    return [[Piece(glyphs.encode(piece.text), piece.role) for piece in line] for line in lines]


def _rows(calls: tuple[ProfiledCall, ...], total: int, depth: int) -> Iterator[tuple[int, ProfiledCall]]:
    """Yield the functions to show, each with its indentation."""
    shown = [call for call in calls if call.samples is None or 100 * call.samples / total >= LEAST_PERCENT]
    for call in shown:
        below = depth + (len(shown) > 1)
        if _only_passes_on(call):
            yield from _rows(call.calls, total, depth)
            continue
        yield depth, call
        yield from _rows(call.calls, total, below)


def _only_passes_on(call: ProfiledCall) -> bool:
    is_of_dask = any(part in (call.file or "") for part in _OF_DASK)
    return is_of_dask and bool(call.calls) and (call.calls[0].samples or 0) >= _PASSED_ON * (call.samples or 1)


def _line(call: ProfiledCall, total: int, depth: int, cells: int) -> list[Piece]:
    own = min(100.0, 100 * call.own_samples / total)
    share = "    –" if call.samples is None else f"{min(100.0, 100 * call.samples / total):3.0f} %"
    own_text = f"{own:3.0f} %" if own >= LEAST_PERCENT else "     "
    head = f"{share}  {own_text}  "
    name = cut(f"{' ' * (_INDENT * depth)}{call.name}", max(1, cells - width(head)))
    room = min(_MOST_FILE_CELLS, cells - width(head) - width(name) - 2)
    if call.file is None:  # a task name
        return [
            Piece(head, "cpu" if own >= LEAST_PERCENT else "text"),
            Piece(name, "strong"),
            Piece("  tasks", "quiet"),
        ]
    place = f"{call.file}{'' if call.line is None else f':{call.line}'}"
    file = f"  {cut_left(place, room)}" if room >= len("…a.py:1") else ""
    return [Piece(head, "cpu" if own >= LEAST_PERCENT else "text"), Piece(name), Piece(file, "quiet")]
