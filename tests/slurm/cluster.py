"""Our own SLURM: munge, MariaDB, slurmdbd, slurmctld and a slurmd for each of its nodes, in one folder.

A supervisor process (`tests.slurm.supervisor`) starts and stops all of it, so that nothing outlives the tests.
"""

import atexit
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.slurm.commands import SlurmCommands
from tests.slurm.configuration import slurm_conf_path
from tests.slurm.environment import environment_for
from tests.slurm.processes import StartError
from tests.support.waiting import PATIENCE_SECONDS

REPOSITORY = Path(__file__).parents[2]


class RealSlurm(SlurmCommands):
    """A SLURM with nodes n1, n2, … of 16 CPUs and 64,000 MB each, and accounting.

    A context manager; `start` and `stop` do the same. By default jobs get 1,000 MB a CPU and one hour;
    ``--partition=short`` allows one minute, ``--partition=urgent`` preempts jobs of the other partitions;
    ``--qos=capped`` lets a user run one job at a time, ``--qos=few`` have two in the queue.

    Parameters
    ----------
    nodes
        Number of nodes.
    """

    def __init__(self, nodes: int = 4) -> None:
        self.nodes = nodes
        self._supervisor: subprocess.Popen[str] | None = None
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder with all files; `stop` removes it."""
        if self._folder is None:
            raise RuntimeError("this SLURM is not up")
        return self._folder

    @property
    def work(self) -> Path:
        """The folder in which commands run, and to which jobs write their output: ``slurm-JOBID.out``."""
        return self.folder / "work"

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a process whose SLURM commands use this SLURM only."""
        return environment_for(slurm_conf_path(self.folder))

    def start(self) -> Self:
        """Start it, and return when all nodes are idle.

        Raises
        ------
        StartError
            A daemon failed; quotes the end of its log. No process and no file is left.
        """
        folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        folder.chmod(0o755)  # munge requires that all users can reach its socket
        (folder / "work").mkdir()
        self._folder = folder
        atexit.register(self.stop)
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "tests.slurm.supervisor", str(folder), f"--nodes={self.nodes}"],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            assert self._supervisor.stdout is not None
            report = self._supervisor.stdout.readline()
            error = json.loads(report)["error"] if report else "the supervisor ended without a report"
            if error is not None:
                raise StartError(error)
            undo.pop_all()
        return self

    def stop(self) -> None:
        """Stop everything, also running jobs, and remove the folder; may be called again."""
        atexit.unregister(self.stop)
        supervisor, folder = self._supervisor, self._folder
        self._supervisor = self._folder = None
        if supervisor is not None:
            supervisor.terminate()  # closing its input is not enough if a process that a test forked holds the pipe
            supervisor.communicate(timeout=PATIENCE_SECONDS)
        if folder is not None and folder.exists():
            shutil.rmtree(folder)  # the supervisor ended before it could remove it

    def cancel_all(self) -> None:
        """Cancel every job and wait until the queue is empty."""
        self._cancel(self.queued)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
