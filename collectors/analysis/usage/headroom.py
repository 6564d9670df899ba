"""From when on another request is advised, and how much room it leaves: the numbers, all in one place."""

from dasktop.collectors.model.snapshot import Record


class Headroom(Record, frozen=True, kw_only=True):
    """Enough room that nobody runs into a limit by following the advice."""

    observed_seconds: float = 600.0
    """With workers, all jobs of a kind together. What was seen for a shorter time proves nothing."""
    memory_share: float = 0.6
    """Of its memory limit, a process may use so much at its peak: dask spills to disk from 60 to 70 % on."""
    memory_pause_share: float = 0.8
    """From here on dask starts no more tasks in a process."""
    memory_after_kill: float = 1.5
    """Where memory ran out, at least so many times what there was."""
    worthwhile_share: float = 0.75
    """Less than so much of what was asked for is worth asking for."""
    cores_share: float = 0.5
    """Where no more than so many of the threads ever ran, fewer will do."""
    walltime_share: float = 0.5
    """Where no job took more than so much of its time limit, a shorter one will do,"""
    walltime_room: float = 1.25
    """which leaves so much more than the longest took, in steps of"""
    walltime_step_seconds: int = 600
    walltime_after_end: int = 2
    """Where jobs reached their time limit, so many times that."""
    without_tasks_share: float = 0.25
    """Where no task ran in so much of what was granted, the cluster had better shrink by itself."""
    without_tasks_core_hours: float = 0.1
    """Less than that isn't worth a word."""
    lock_cpu_percent: tuple[float, float] = (60.0, 130.0)
    """A process that runs several tasks at once and uses so much CPU is held by the interpreter's lock: it computes,
    and no more than one thread of it at a time."""


DEFAULTS = Headroom()
