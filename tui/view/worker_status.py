"""What people read as a worker's status: one word for each, everywhere. JSON keeps dask's own. Pure."""

from dasktop.collectors.model.snapshot import Worker
from dasktop.tui.draw.numbers import UNKNOWN

_WORDS = {"closing_gracefully": "retiring"}
"""dask's name of the status that ``retire_workers`` and a release give to a worker."""


def status_words(worker: Worker) -> str:
    """Return a worker's status in one word, ``–`` if it is not known."""
    status = worker.status or UNKNOWN
    return _WORDS.get(status, status)
