"""Reads the file that ``dask scheduler --scheduler-file`` writes. Never imports distributed, and asks nobody."""

import json
from pathlib import Path

from dasktop.collectors.errors import NoSchedulerError
from dasktop.collectors.text import clean

_LARGEST_BYTES = 64 * 1024 * 1024
"""The file holds the identity of all workers too, about 1 KB each."""


def address_from_scheduler_file(path: str | Path) -> str:
    """Return the scheduler's address.

    Raises
    ------
    NoSchedulerError
        The file can't be read, or doesn't hold an address.
    """
    shown = clean(str(path))
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NoSchedulerError(f"can't read the scheduler file {shown}: {reason}") from error
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NoSchedulerError(f"the scheduler file {shown} is not JSON: is it being written just now?") from error
    address = found.get("address") if isinstance(found, dict) else None
    if not isinstance(address, str) or not clean(address):
        raise NoSchedulerError(f"the scheduler file {shown} holds no address: was it written by dask scheduler?")
    return clean(address)
