"""The embedded SLURM with the methods that tests use on the real one."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dasktop.collectors.embedded_slurm import EmbeddedSlurm
from tests.slurm.commands import SlurmCommands


class EmbeddedCommands(SlurmCommands):
    """An embedded SLURM; `options` are those of `EmbeddedSlurm`."""

    def __init__(self, **options: Any) -> None:
        self.slurm = EmbeddedSlurm(**options)

    @property
    def environment(self) -> dict[str, str]:
        """The environment with its commands first on PATH."""
        return self.slurm.environment

    @property
    def work(self) -> Path:
        """The folder in which commands run, and to which jobs write."""
        return self.slurm.work

    def cancel_all(self) -> None:
        """Cancel every job and wait until the queue is empty."""
        self._cancel(self.queued)

    def __enter__(self) -> Self:
        self.slurm.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.slurm.close()
