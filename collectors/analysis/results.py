"""Which results would be lost if some workers left. Pure; only certain losses count."""

from collections.abc import Iterable

from dasktop.collectors.model.jobs import workers_with_jobs
from dasktop.collectors.model.snapshot import Snapshot, Worker

# The scheduler sends no results to a worker that is paused or retiring.
_TAKES_RESULTS = frozenset({None, "running"})


def takes_results(worker: Worker) -> bool:
    """Whether results can be moved to a worker; if its status is unknown, they can."""
    return worker.status in _TAKES_RESULTS


def stranded_results(snapshot: Snapshot, leaving: Iterable[Worker]) -> int:
    """Return how many results would certainly be lost if these workers left: all that they hold, or 0.

    It is not certain if another worker holds results too, since these may be copies.
    """
    leaving = tuple(leaving)
    going = {worker.address for worker in leaving}
    others = [worker for _, worker in workers_with_jobs(snapshot) if worker.address not in going]
    if any(takes_results(worker) or worker.stored != 0 for worker in others):
        return 0
    return sum(worker.stored or 0 for worker in leaving)
