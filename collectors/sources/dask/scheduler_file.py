"""Read the file that ``dask scheduler --scheduler-file`` writes. Never imports distributed, and never connects."""

from pathlib import Path
from typing import Any

import msgspec

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.system.regular_file import open_regular
from dasktop.collectors.text.clean import clean, clean_or_none

_LARGEST_BYTES = 64 * 1024 * 1024
"""The file also contains the identity of all workers, about 1 KB each."""


class _Content(msgspec.Struct):
    """The part of the file that is read. The rest is skipped, and takes no memory."""

    address: Any = None


def address_from_scheduler_file(path: str | Path) -> str:
    """Return the scheduler's address.

    Raises
    ------
    NoSchedulerError
        The file cannot be read, or has no address.
    """
    shown = clean(str(path))
    try:
        with open_regular(path) as file:
            text = file.read(_LARGEST_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NoSchedulerError(f"cannot read the scheduler file {shown}: {reason}") from error
    try:
        content = msgspec.json.decode(text, type=_Content)
    except msgspec.ValidationError:  # no object
        content = _Content()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoSchedulerError(f"the scheduler file {shown} is not valid JSON; it may be incomplete") from error
    address = clean_or_none(content.address)
    if address is None:
        raise NoSchedulerError(f"the scheduler file {shown} has no address; it may not be from dask scheduler")
    return address
