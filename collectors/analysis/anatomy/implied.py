"""What a script looks as if it had been asked for, where no owner tells. Pure.

dask-jobqueue rounds ``memory=`` up for ``--mem``, and to two decimals for each worker's ``--memory-limit``: together
they leave little room for what it was.
"""

from collections.abc import Iterator
from math import floor
from typing import NamedTuple

from dasktop.collectors.sources.slurm.script_request import ScriptRequest

_GB = 10**9
_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30
_MOST_DIGITS_BEFORE, _MOST_DIGITS_BEHIND = 4, 9
_FUZZ = 1e-9


class MemoryRange(NamedTuple):
    """What ``memory=`` may have been, in bytes, so that a script's own lines agree."""

    lowest: float
    highest: float

    def holds(self, memory_bytes: int) -> bool:
        """Whether it may have been that."""
        return self.lowest <= memory_bytes <= self.highest


def implied_memory(script: ScriptRequest, told_bytes: int | None) -> int | None:
    """Return what ``memory=`` was: what is told, if that fits, else the roundest amount that makes such a script.

    Where no amount makes it (somebody wrote it, or added options), that is what ``--mem`` says.

    Parameters
    ----------
    script
        The script.
    told_bytes
        What the owner of other jobs of the same cluster tells of those.
    """
    asked = script.memory.value if script.memory is not None else None
    room = memory_range(script)
    if asked is None or room is None:
        return asked
    if told_bytes and room.holds(told_bytes) and rounded_up(told_bytes) == asked:
        return told_bytes
    if script.memory_limit is None or script.memory_limit.value is None:
        return asked
    fitting = [told for told in _round_amounts(room, asked) if asked in (told[1], rounded_up(told[1]))]
    return min(fitting, key=lambda told: told[0])[1] if fitting else asked


def memory_range(script: ScriptRequest) -> MemoryRange | None:
    """Return what the lines of a script leave room for; ``None`` where they don't say, or contradict each other."""
    memory, limit, processes = script.memory, script.memory_limit, script.processes
    if memory is None or memory.value is None:
        return None
    lowest, highest = memory.value - memory.step + 1, float(memory.value)
    if limit is not None and limit.value is not None and processes is not None and processes.value is not None:
        half_step = limit.step / 2 + 1  # a limit is cut off to whole bytes
        lowest = max(lowest, processes.value * (limit.value - half_step))
        highest = min(highest, processes.value * (limit.value + half_step))
    return MemoryRange(lowest, highest) if lowest <= highest else None


def rounded_up(memory_bytes: int) -> int:
    """Round as dask-jobqueue does for ``--mem`` (`slurm_format_bytes_ceil`): up to whole GiB, below one MiB or KiB."""
    unit = _unit(memory_bytes)
    return -(-memory_bytes // unit) * unit


def _round_amounts(room: MemoryRange, asked: int) -> Iterator[tuple[int, int]]:
    """Yield amounts within the range, the roundest of each unit, with how many digits one writes it; decimal first."""
    binary_unit = _unit(room.highest)
    for unit in (_GB, binary_unit):
        for power in range(_MOST_DIGITS_BEFORE, -_MOST_DIGITS_BEHIND - 1, -1):
            step = unit * 10.0**power
            number = floor(room.highest / step + _FUZZ)
            if number and number * step >= room.lowest - _FUZZ * step:
                yield len(str(number).rstrip("0")), round(number * step)
                break
    if room.holds(asked):
        yield len(str(asked // binary_unit)), asked


def _unit(memory_bytes: float) -> int:
    """Return the unit in which such an amount is rounded."""
    return next((unit for unit in (_GIB, _MIB) if memory_bytes >= unit), _KIB)
