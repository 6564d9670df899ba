"""The site's own SLURM, for ``pytest --site-slurm``: nothing is started here, jobs run where the site says.

It never cancels a job that it did not submit.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.slurm.commands import SlurmCommands


class SiteSlurm(SlurmCommands):
    """The SLURM that an environment leads to, with the methods of `RealSlurm`.

    A context manager, which cancels at the end what it submitted. What the site wants to be told (an account, a
    partition) goes into the environment, as ``SBATCH_ACCOUNT`` and ``SBATCH_PARTITION``.

    Parameters
    ----------
    environment
        What leads to it: usually the environment that pytest was started in.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._submitted: set[str] = set()
        self._work: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment that leads to it."""
        return dict(self._environment)

    @property
    def work(self) -> Path:
        """A folder in the user's home, which the compute nodes of most sites share."""
        if self._work is None:
            raise RuntimeError("not entered")
        return self._work

    def submit(self, script: str, *sbatch_arguments: str) -> str:
        """Submit a job script and remember it."""
        job_id = super().submit(script, *sbatch_arguments)
        self._submitted.add(job_id)
        return job_id

    def cancel_all(self) -> None:
        """Cancel what was submitted here and nothing else, and wait until it has left the queue."""
        self._cancel(lambda: [job_id for job_id in self.queued() if job_id in self._submitted])

    def __enter__(self) -> Self:
        home = self._environment.get("HOME", Path.home())
        self._work = Path(tempfile.mkdtemp(prefix="dasktop-tests-", dir=home))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.cancel_all()
        finally:
            work, self._work = self.work, None
            shutil.rmtree(work)
