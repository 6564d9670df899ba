"""What a job's state means: the one place that reads the words SLURM gives it. Pure.

A state is a base state (``RUNNING``), a flag in its place (``SIGNALING``, which squeue prints while it holds), or both
(``RUNNING+SIGNALING``). The set is open: an unknown flag changes nothing of the base state that it stands with, and an
unknown word alone is neither waiting, running nor ended. What is shown is always SLURM's own text.
"""

import re
from functools import lru_cache
from typing import Literal

from dasktop.collectors.model.snapshot import Record

Phase = Literal["waiting", "starting", "running", "suspended", "ending", "ended"]
"""``starting``: it has nodes that are not ready yet. ``ending``: what it ran is over, its nodes are not free yet."""

_BASE: dict[str, Phase] = {
    "PENDING": "waiting",
    "RUNNING": "running",
    "SUSPENDED": "suspended",
    "BOOT_FAIL": "ended",
    "CANCELLED": "ended",
    "COMPLETED": "ended",
    "DEADLINE": "ended",
    "FAILED": "ended",
    "NODE_FAIL": "ended",
    "OUT_OF_MEMORY": "ended",
    "PREEMPTED": "ended",
    "TIMEOUT": "ended",
}
"""The base states; a job leaves those that have ended only if it is requeued."""

_FLAGS: dict[str, Phase] = {
    # The job was put back into the queue, or is being put there.
    "EXPEDITING": "waiting",
    "REQUEUED": "waiting",
    "REQUEUE_FED": "waiting",
    "REQUEUE_HOLD": "waiting",
    "RESV_DEL_HOLD": "waiting",
    "SPECIAL_EXIT": "waiting",
    "REVOKED": "ended",  # a sibling of it runs in another cluster
    "COMPLETING": "ending",
    "STAGE_OUT": "ending",
    "CONFIGURING": "starting",
    "POWER_UP_NODE": "starting",
}
"""The flags that say more than the base state. The first that a job has counts."""

_RUNNING_FLAGS = frozenset({"RESIZING", "SIGNALING", "STOPPED", "UPDATE_DB"})
"""The flags of a job that runs on; squeue prints them in place of ``RUNNING``."""

_BAD_ENDS = frozenset({"BOOT_FAIL", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"})
_HELD = frozenset({"REQUEUE_HOLD", "SPECIAL_EXIT"})
_WORD = re.compile(r"[A-Za-z_]+")


class JobState(Record, frozen=True, kw_only=True):
    """A job's state, read."""

    name: str | None
    """The base state or, where SLURM prints a flag in its place, the flag."""
    flags: frozenset[str] = frozenset()
    """What stands beside the name."""
    phase: Phase | None = None
    """``None``: nothing is known, or the word isn't."""

    @property
    def is_waiting(self) -> bool:
        """Whether the job waits for its allocation, for the first time or again."""
        return self.phase == "waiting"

    @property
    def is_held(self) -> bool:
        """Whether it waits until somebody releases it."""
        return self.is_waiting and not _HELD.isdisjoint({self.name, *self.flags})

    @property
    def is_starting(self) -> bool:
        """Whether its nodes are being prepared."""
        return self.phase == "starting"

    @property
    def is_running(self) -> bool:
        """Whether its processes run."""
        return self.phase == "running"

    @property
    def is_suspended(self) -> bool:
        """Whether SLURM has stopped its processes, and its clock."""
        return self.phase == "suspended"

    @property
    def is_ending(self) -> bool:
        """Whether its processes are being ended; nothing brings it back."""
        return self.phase == "ending"

    @property
    def has_ended(self) -> bool:
        """Whether SLURM is done with it."""
        return self.phase == "ended"

    @property
    def is_bad_end(self) -> bool:
        """Whether it has ended in a way that nobody wanted. That a job is cancelled may be wanted or not."""
        return self.has_ended and self.name in _BAD_ENDS


@lru_cache(maxsize=256)
def read_state(text: str | None) -> JobState:
    """Read a state as any of SLURM's commands prints it.

    ``CANCELLED by 1001`` counts by its first word; several words are joined by ``+``, or by a comma.
    """
    words = _WORD.findall((text or "").strip().partition(" ")[0].upper())
    if not words:
        return JobState(name=None)
    base = next((word for word in words if word in _BASE), None)
    name = base or next((word for word in words if word in _FLAGS or word in _RUNNING_FLAGS), words[0])
    return JobState(name=name, flags=frozenset(words) - {name}, phase=_phase(base, frozenset(words)))


def _phase(base: str | None, words: frozenset[str]) -> Phase | None:
    for flag, phase in _FLAGS.items():
        # A node that another job still powers up is none of a waiting job's concern.
        if flag in words and not (phase == "starting" and base not in (None, "RUNNING")):
            return phase
    if base is not None:
        return _BASE[base]
    return "running" if words & _RUNNING_FLAGS else None
