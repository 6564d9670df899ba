"""A SLURM of our own: munge, MariaDB, slurmdbd, slurmctld and a slurmd for each of its nodes, in one folder.

All of it is started and ended by a keeper process (`tests.slurm.keeper`), so that nothing outlives the tests.
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
from tests.slurm.environment import own_environment
from tests.slurm.processes import StartError
from tests.support.waiting import PATIENCE_SECONDS

REPOSITORY = Path(__file__).parents[2]


class RealSlurm(SlurmCommands):
    """A SLURM with nodes n1, n2, … of 16 CPUs and 64,000 MB each, and accounting.

    A context manager; `start` and `stop` do the same. Jobs get 1,000 MB a CPU and one hour unless they ask;
    ``--partition=short`` allows one minute, ``--partition=urgent`` preempts jobs of the others;
    ``--qos=capped`` lets a user run one job at a time, ``--qos=few`` submit two.

    Parameters
    ----------
    nodes
        How many nodes.
    """

    def __init__(self, nodes: int = 4) -> None:
        self.nodes = nodes
        self._keeper: subprocess.Popen[str] | None = None
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """Where everything lies; removed by `stop`."""
        if self._folder is None:
            raise RuntimeError("this SLURM is not up")
        return self._folder

    @property
    def work(self) -> Path:
        """The folder that commands run in, and so where jobs write their output: ``slurm-JOBID.out``."""
        return self.folder / "work"

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a process whose SLURM commands are to speak to this SLURM and no other."""
        return own_environment(slurm_conf_path(self.folder))

    def start(self) -> Self:
        """Bring it up; returns when all nodes are idle.

        Raises
        ------
        StartError
            With the end of the failing daemon's log. Nothing is left behind then.
        """
        folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        folder.chmod(0o755)  # munge's socket must be within everyone's reach
        (folder / "work").mkdir()
        self._folder = folder
        atexit.register(self.stop)
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self._keeper = subprocess.Popen(
                [sys.executable, "-m", "tests.slurm.keeper", str(folder), f"--nodes={self.nodes}"],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            assert self._keeper.stdout is not None
            told = self._keeper.stdout.readline()
            error = json.loads(told)["error"] if told else "its keeper ended without a word"
            if error is not None:
                raise StartError(error)
            undo.pop_all()
        return self

    def stop(self) -> None:
        """Take everything down, jobs that still run too, and remove the folder; twice does no harm."""
        atexit.unregister(self.stop)
        keeper, folder = self._keeper, self._folder
        self._keeper = self._folder = None
        if keeper is not None:
            keeper.terminate()  # the end of its input would do, unless a process that a test forked holds our end
            keeper.communicate(timeout=PATIENCE_SECONDS)
        if folder is not None and folder.exists():
            shutil.rmtree(folder)  # the keeper ended before it could do anything

    def cancel_all(self) -> None:
        """Cancel every job and wait until the queue is empty."""
        self._cancel(self.queued)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
