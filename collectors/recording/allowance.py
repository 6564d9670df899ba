"""How many bytes a recording may still take: so that a day's stays below 50 MB, however large the cluster is. Pure.

Each snapshot that is recorded is recorded exactly. With so many workers that every one would be too much, not every
one is: at a hundred busy workers one of two, and the line says how many were left out before it. One in which something
has changed that people look for is never left out: a job's state, a worker that came, went or changed its status, a
finding, a source that fails or answers again.
"""

from typing import Any

from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Snapshot

BYTES_A_SECOND = 480.0
"""In the file, that is, compressed where it is: 41.5 MB a day."""
MOST_SAVED_BYTES = 4_000_000.0
"""What is not used is saved up to this, so that short recordings hold everything."""


class TokenBucket:
    """A purse that fills with time.

    Parameters
    ----------
    bytes_a_second
        ``None``: without a limit.
    """

    def __init__(self, bytes_a_second: float | None = BYTES_A_SECOND, saved: float = MOST_SAVED_BYTES) -> None:
        self._bytes_a_second = bytes_a_second
        self._most = saved
        self._bytes = saved
        self._at: float | None = None
        self._gist: Any = None

    def permits(self, snapshot: Snapshot) -> bool:
        """Tell whether to record this snapshot, the next in time."""
        gist, self._gist = self._gist, essentials(snapshot)
        if self._bytes_a_second is None:
            return True
        now = snapshot.taken_at.timestamp()
        if self._at is not None:
            self._bytes = min(self._most, self._bytes + self._bytes_a_second * max(0.0, now - self._at))
        self._at = now
        return self._bytes > 0 or gist != self._gist

    def spend(self, count: int) -> None:
        """Note how many bytes were written."""
        self._bytes -= count


def essentials(snapshot: Snapshot) -> Any:
    """Return that of which no change may go unrecorded."""
    workers = [worker for job in snapshot.jobs for worker in workers_of(job)]
    return (
        [(job.job_id, job.state, job.reason) for job in snapshot.jobs],
        [(worker.address, worker.status) for worker in (*workers, *snapshot.unplaced_workers)],
        [(finding.code, finding.job_id, finding.worker) for finding in snapshot.findings],
        [(source.name, source.state) for source in snapshot.sources],
        snapshot.cluster.scheduler_id,
        snapshot.cluster.owner,
    )
