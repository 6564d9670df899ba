"""A user's notebook: a Python process that holds a dask cluster and executes one cell at a time.

with Notebook(environment, folder) as notebook:
    notebook.run("from dask_jobqueue import SLURMCluster; cluster = SLURMCluster(...)")
    assert notebook.value("len(cluster.scheduler.workers)") == 4
"""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.forked_python import jobs_in_forked_python, with_forked_python
from tests.support.waiting import PATIENCE_SECONDS, wait_until

CLOSE_TIMEOUT_SECONDS = 20
POLL_SECONDS = 0.2

# Runs in the notebook's process: one JSON line in, one out. Prints of the cells go to stderr, as do dask's logs.
_KERNEL = """
import json, os, sys, traceback
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
names = {"__name__": "notebook"}
for line in sys.stdin:
    kind, text = json.loads(line)
    try:
        answer = [True, eval(text, names) if kind == "eval" else exec(text, names)]
        reply = json.dumps(answer, default=str)
    except BaseException:
        reply = json.dumps([False, traceback.format_exc()])
    print(reply, file=answers, flush=True)
if "cluster" in names:
    names["cluster"].close()
"""


class CellError(AssertionError):
    """A cell raised; the text is its traceback."""


class Notebook:
    """Runs cells in another process, whose log is `log`.

    Parameters
    ----------
    environment
        Environment of the process, and of the SLURM commands that its cluster runs.
    folder
        Working directory, and the folder of its log.
    python
        The interpreter; that of another environment for an older dask.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path, python: str = sys.executable) -> None:
        self.log = folder / f"notebook-{time.monotonic_ns()}.log"
        self._answers: queue.Queue[str] = queue.Queue()
        if python == sys.executable:
            environment = environment | jobs_in_forked_python()
        with self.log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [*with_forked_python([python]), "-c", _KERNEL],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=dict(environment),
                cwd=folder,
                text=True,
                start_new_session=True,
            )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, cell: str) -> None:
        """Execute statements."""
        self._ask("exec", cell)

    def value(self, expression: str) -> Any:
        """Evaluate an expression, and return its value by way of JSON."""
        return self._ask("eval", expression)

    def wait_until(self, expression: str) -> None:
        """Evaluate an expression until it is true."""
        wait_until(lambda: self.value(expression), lambda: f"{expression}; {self._end_of_log()}", every=POLL_SECONDS)

    def close(self) -> None:
        """Close the cluster and end the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(CLOSE_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process as a crash does, without closing the cluster."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end_of_log(self) -> str:
        return f"log: {self.log.read_text()[-3000:]}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _ask(self, kind: str, text: str) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps([kind, text]) + "\n")
            self._process.stdin.flush()
            reply = self._answers.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise CellError(f"not done after {PATIENCE_SECONDS:.0f} s: {text}; {self._end_of_log()}") from None
        except BrokenPipeError:
            reply = ""
        if not reply:
            raise CellError(f"the notebook's process ended; {self._end_of_log()}")
        succeeded, answer = json.loads(reply)
        if not succeeded:
            raise CellError(answer)
        return answer
