"""Find out what released jobs: the cluster object, which no longer wants them, or dasktop, from its action log."""

import asyncio
from collections.abc import Iterable, Mapping

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import DaskReading, EndedJob, Released
from dasktop.collectors.scaling import action_log
from dasktop.collectors.scaling.action_log import released_by_owner

SECONDS_FOR_THE_LOG = 1.0
"""Timeout for a file server; the log is read again at the next poll."""


class Releases:
    """The released jobs of one cluster.

    Parameters
    ----------
    environment
        Has the path of the action log.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._by_owner: dict[str, Released] = {}
        self._by_dasktop: dict[str, Released] = {}
        self._cancelled: frozenset[str] = frozenset()

    @property
    def by_job(self) -> Mapping[str, Released]:
        """Job id → its release."""
        return self._by_owner | self._by_dasktop

    def compare(self, earlier: DaskReading, later: DaskReading) -> None:
        """Add the jobs that the owner no longer wants."""
        self._by_owner |= released_by_owner(earlier, later)

    async def read_log(self, ended: Iterable[EndedJob], scheduler_id: str | None) -> None:
        """Read the action log if more jobs have been cancelled."""
        jobs = (end.job for end in ended)
        cancelled = frozenset(job.job_id for job in jobs if read_state(job.state).is_cancelled)
        if cancelled <= self._cancelled or scheduler_id is None:
            return
        reading = asyncio.get_running_loop().run_in_executor(None, action_log.read, self._environment)
        done, _ = await asyncio.wait([reading], timeout=SECONDS_FOR_THE_LOG)
        if done:
            self._cancelled = cancelled
            by = action_log.releases(reading.result(), scheduler_id)
            self._by_dasktop = {job_id: Released(by="dasktop", detail=who) for job_id, who in by.items()}

    def clear(self) -> None:
        """Forget all releases."""
        self._by_owner.clear()
        self._by_dasktop.clear()
        self._cancelled = frozenset()
