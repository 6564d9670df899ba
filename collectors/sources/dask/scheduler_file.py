"""Reads the file that ``dask scheduler --scheduler-file`` writes. Never imports distributed, and asks nobody."""

from pathlib import Path
from typing import Any

import msgspec

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.system.regular_file import open_regular
from dasktop.collectors.text.clean import clean, clean_or_none

_LARGEST_BYTES = 64 * 1024 * 1024
"""The file holds the identity of all workers too, about 1 KB each."""


class _Content(msgspec.Struct):
    """What is wanted of the file. All the rest is skipped, and so takes no memory, however much it is."""

    address: Any = None


def address_from_scheduler_file(path: str | Path) -> str:
    """Return the scheduler's address.

    Raises
    ------
    NoSchedulerError
        The file can't be read, or doesn't hold an address.
    """
    shown = clean(str(path))
    try:
        with open_regular(path) as file:
            text = file.read(_LARGEST_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NoSchedulerError(f"can't read the scheduler file {shown}: {reason}") from error
    try:
        content = msgspec.json.decode(text, type=_Content)
    except msgspec.ValidationError:  # no object
        content = _Content()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoSchedulerError(f"the scheduler file {shown} is not JSON: is it being written just now?") from error
    address = clean_or_none(content.address)
    if address is None:
        raise NoSchedulerError(f"the scheduler file {shown} holds no address: was it written by dask scheduler?")
    return address
