"""Parses SLURM's job states; no other module compares states with literals. Pure.

A state is a base state (``RUNNING``), a flag in its place (``SIGNALING``, which squeue prints while it is set), or both
(``RUNNING+SIGNALING``). The set is open: an unknown flag does not change the base state, and an unknown word alone is
neither waiting, running nor ended. Users always see SLURM's own text.
"""

import re
from functools import lru_cache
from typing import Literal

from dasktop.collectors.model.record import Record

Phase = Literal["waiting", "starting", "running", "suspended", "ending", "ended"]
"""``starting``: its nodes are not ready yet. ``ending``: its processes have ended, its nodes are not free yet."""

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
"""The base states; a job leaves an ended one only if it is requeued."""

_FLAGS: dict[str, Phase] = {
    # The job was requeued, or is being requeued.
    "EXPEDITING": "waiting",
    "REQUEUED": "waiting",
    "REQUEUE_FED": "waiting",
    "REQUEUE_HOLD": "waiting",
    "RESV_DEL_HOLD": "waiting",
    "SPECIAL_EXIT": "waiting",
    "REVOKED": "ended",  # a sibling job runs in another cluster (federation)
    "COMPLETING": "ending",
    "STAGE_OUT": "ending",
    "CONFIGURING": "starting",
    "POWER_UP_NODE": "starting",
}
"""Flags that override the base state; of several, the one that is first in this table counts."""

_RUNNING_FLAGS = frozenset({"RESIZING", "SIGNALING", "STOPPED", "UPDATE_DB"})
"""Flags of a running job that do not change its phase; squeue prints them in place of ``RUNNING``."""

STATE_WORDS = frozenset(_BASE) | frozenset(_FLAGS) | _RUNNING_FLAGS
"""All words of job states that are known."""

_BAD_ENDS = frozenset({"BOOT_FAIL", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"})
_HELD = frozenset({"REQUEUE_HOLD", "SPECIAL_EXIT"})
_WORD = re.compile(r"[A-Za-z_]+")


class JobState(Record, frozen=True, kw_only=True):
    """A parsed job state."""

    name: str | None
    """The base state, or the flag that SLURM prints in its place."""
    flags: frozenset[str] = frozenset()
    """The other words."""
    phase: Phase | None = None
    """``None``: the state is missing or unknown."""

    @property
    def is_waiting(self) -> bool:
        """Whether the job is pending, for the first time or after a requeue."""
        return self.phase == "waiting"

    @property
    def is_held(self) -> bool:
        """Whether it is pending until somebody releases it."""
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
        """Whether SLURM has suspended its processes; its time does not count then."""
        return self.phase == "suspended"

    @property
    def is_ending(self) -> bool:
        """Whether its processes have ended or are being ended, but its nodes are not free yet."""
        return self.phase == "ending"

    @property
    def has_ended(self) -> bool:
        """Whether it has ended in SLURM."""
        return self.phase == "ended"

    @property
    def is_completed(self) -> bool:
        """Whether its base state is ``COMPLETED``."""
        return self.name == "COMPLETED"

    @property
    def is_failed(self) -> bool:
        """Whether its base state is ``FAILED``."""
        return self.name == "FAILED"

    @property
    def is_cancelled(self) -> bool:
        """Whether its base state is ``CANCELLED``."""
        return self.name == "CANCELLED"

    @property
    def is_timeout(self) -> bool:
        """Whether its base state is ``TIMEOUT``: it reached its time limit."""
        return self.name == "TIMEOUT"

    @property
    def is_out_of_memory(self) -> bool:
        """Whether its base state is ``OUT_OF_MEMORY``."""
        return self.name == "OUT_OF_MEMORY"

    @property
    def is_bad_end(self) -> bool:
        """Whether it ended unsuccessfully. ``CANCELLED`` does not count, as it may be intended."""
        return self.has_ended and self.name in _BAD_ENDS


@lru_cache(maxsize=256)
def read_state(text: str | None) -> JobState:
    """Parse a state as any SLURM command prints it.

    Of ``CANCELLED by 1001`` only the first word counts; several words are joined by ``+`` or a comma.
    """
    words = _WORD.findall((text or "").strip().partition(" ")[0].upper())
    if not words:
        return JobState(name=None)
    base = next((word for word in words if word in _BASE), None)
    name = base or next((word for word in words if word in _FLAGS or word in _RUNNING_FLAGS), words[0])
    return JobState(name=name, flags=frozenset(words) - {name}, phase=_phase(base, frozenset(words)))


def _phase(base: str | None, words: frozenset[str]) -> Phase | None:
    for flag, phase in _FLAGS.items():
        # Only a running job is starting: a pending one may show that another job powers up its node.
        if flag in words and not (phase == "starting" and base not in (None, "RUNNING")):
            return phase
    if base is not None:
        return _BASE[base]
    return "running" if words & _RUNNING_FLAGS else None
