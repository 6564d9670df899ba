"""The nodes of workers, also of those that have left: from their SLURM task, their job, or their host. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.collectors.model.work import WorkerEndKey
from dasktop.collectors.text.format import short_host


class NodesOfWorkers:
    """On which nodes workers run or ran.

    Parameters
    ----------
    jobs
        The jobs by id, with their workers.
    unplaced
        Workers in no known job.
    known
        Nodes that were found earlier, by address and time: SLURM forgets its jobs.
    """

    def __init__(
        self, jobs: Mapping[str, Job], unplaced: Sequence[Worker], known: Mapping[WorkerEndKey, str] | None = None
    ) -> None:
        self._jobs = jobs
        self._unplaced = unplaced
        self._known = known or {}

    @cached_property
    def _of_addresses(self) -> dict[str, str]:
        """The nodes of the workers that are there; only needed if something failed or ended."""
        found = {worker.address: node for worker in self._unplaced if (node := _host(worker.host)) is not None}
        for job in self._jobs.values():
            for task in job.tasks:
                for worker in task.workers:
                    node = task.node or (job.nodes[0] if len(job.nodes) == 1 else _host(worker.host))
                    if node is not None:
                        found[worker.address] = node
        return found

    def node(self, address: str | None, job_id: str | None, at: datetime | None) -> str | None:
        """Return the node of the worker that had this address at this time; ``None``: unknown."""
        if (known := self._known.get((address, at))) is not None:
            return known
        if address is not None and (now := self._of_addresses.get(address)) is not None:
            return now
        job = self._jobs.get(job_id or "")
        if job is None or len(job.nodes) != 1:
            return None
        # A job that was requeued may have run on another node before.
        is_of_an_earlier_run = at is not None and job.started_at is not None and at < job.started_at
        return None if is_of_an_earlier_run else job.nodes[0]


def _host(name: str | None) -> str | None:
    """Return the name of a host; ``None`` if only its IP address is known."""
    if not name or ":" in name or name.replace(".", "").isdecimal():
        return None
    return short_host(name)
