"""Results that nobody could take over if some workers left. Pure; what is only likely is none of them."""

from collections.abc import Iterable

from dasktop.collectors.model.jobs import workers_with_jobs
from dasktop.collectors.model.snapshot import Snapshot, Worker

# One that is paused or retiring is sent nothing.
_TAKES_RESULTS = frozenset({None, "running"})


def takes_results(worker: Worker) -> bool:
    """Whether results can be moved to a worker, as far as is known."""
    return worker.status in _TAKES_RESULTS


def stranded_results(snapshot: Snapshot, leaving: Iterable[Worker]) -> int:
    """Return how many results would be lost for certain if these workers left: all that they hold, or none.

    Not certain where another worker holds some too: it may have copies of these.
    """
    leaving = tuple(leaving)
    going = {worker.address for worker in leaving}
    others = [worker for _, worker in workers_with_jobs(snapshot) if worker.address not in going]
    if any(takes_results(worker) or worker.stored != 0 for worker in others):
        return 0
    return sum(worker.stored or 0 for worker in leaving)
