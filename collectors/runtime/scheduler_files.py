"""Scheduler files, read in threads: a file server that hangs delays neither polls nor other files."""

import asyncio
import contextlib
from collections.abc import Collection, Iterable
from pathlib import Path

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.readings import JobScript
from dasktop.collectors.sources.dask.scheduler_file import address_from_scheduler_file

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
