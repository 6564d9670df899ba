"""Read the files that ``dask scheduler --scheduler-file`` writes. Never imports distributed, and never connects.

`SchedulerFiles` reads in threads: a file server that hangs delays neither polls nor other files.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import msgspec

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.readings import JobScript
from dasktop.collectors.system.files import open_regular
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


SECONDS_FOR_A_FILE = 1.0
"""Timeout for a file server; a later answer is used at the next poll."""


class SchedulerFiles:
    """The scheduler addresses in files, by the absolute paths that scripts use."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._being_read: dict[str, asyncio.Future[str]] = {}

    def read_now(self, file: Path) -> str:
        """Read one file, blocking, and return its address.

        Raises
        ------
        NoSchedulerError
            The file cannot be read, or has no address.
        """
        address = self._addresses[str(file.absolute())] = address_from_scheduler_file(file)
        return address

    async def read(self, scripts: Iterable[JobScript]) -> None:
        """Read the files that the scripts name, each once; missing ones are read again at the next call."""
        loop = asyncio.get_running_loop()
        for file in {file for script in scripts for file in script.scheduler_files} - self._addresses.keys():
            if file not in self._being_read:
                self._being_read[file] = loop.run_in_executor(None, address_from_scheduler_file, file)
        if self._being_read:
            done, _ = await asyncio.wait(self._being_read.values(), timeout=SECONDS_FOR_A_FILE)
            for file, reading in tuple(self._being_read.items()):
                if reading in done:
                    del self._being_read[file]
                    with contextlib.suppress(NoSchedulerError):
                        self._addresses[file] = reading.result()

    def with_address(self, addresses: Collection[str]) -> frozenset[str]:
        """Return the files that contain one of these addresses."""
        return frozenset(file for file, address in self._addresses.items() if address in addresses)
