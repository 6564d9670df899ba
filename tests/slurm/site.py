"""The SLURM of the site, for ``pytest --site-slurm``: starts no daemon, submits jobs only.

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
    """The SLURM that an environment names, with the methods of `RealSlurm`.

    A context manager, which cancels its jobs at the end. Set what the site requires (an account, a partition) in
    the environment: ``SBATCH_ACCOUNT``, ``SBATCH_PARTITION``.

    Parameters
    ----------
    environment
        Variables that name it: usually the environment in which pytest was started.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._submitted: set[str] = set()
        self._work: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment that names it."""
        return dict(self._environment)

    @property
    def work(self) -> Path:
        """A folder in the home of the user, which the compute nodes of most sites share."""
        if self._work is None:
            raise RuntimeError("not entered")
        return self._work

    def submit(self, script: str, *sbatch_arguments: str) -> str:
        """Submit a job script, and keep its id for `cancel_all`."""
        job_id = super().submit(script, *sbatch_arguments)
        self._submitted.add(job_id)
        return job_id

    def cancel_all(self) -> None:
        """Cancel only the jobs submitted here, and wait until they have left the queue."""
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
