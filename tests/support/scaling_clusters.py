"""Clusters for tests of scaling: a user's `SLURMCluster`, and workers submitted with ``sbatch``.

Each task writes a line when it starts, so tests can count what was computed.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, Future, wait
from msgspec.structs import replace

from dasktop.collectors.model.options import Options
from dasktop.collectors.model.plan import Outcome, Progress, ReportProgress, ScalePlan, Target
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.runtime.execute import execute
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.scaling.plan import plan
from tests.contract.embedded import EmbeddedCommands
from tests.slurm.commands import SlurmCommands
from tests.slurm.missing import missing_programs
from tests.support.dasktop_program import PATIENT
from tests.support.forked_python import forked_python, with_forked_python
from tests.support.notebook import Notebook
from tests.support.waiting import PATIENCE_SECONDS, until, wait_until

PROGRAM = [*PATIENT, "scale"]
PROCESSES = 2
IMPORTS = """
from dask_jobqueue import SLURMCluster
from distributed import Client, wait
class NumberedCluster(SLURMCluster):  # as dask-jobqueue 0.7.0 to 0.7.2 named jobs
    def _new_worker_name(self, number):
        return number
"""
DEFAULTS = "memory='2GB', walltime='00:20:00', interface='lo'"
SINGLE_PROCESS = {"settings": "processes=1, nanny=False", "processes": 1}
"""Jobs of one process, for tests that do not depend on their number: each starts Python once instead of three times."""
DASHBOARD = "scheduler_options={'dashboard_address': ':0'}"

ANY_SLURM = [pytest.param("embedded")] if missing_programs() else [pytest.param("real", marks=pytest.mark.slurm)]
"""For tests that do not depend on the SLURM: a real one if it can be started here, else the embedded one.

The contract tests show that both behave the same.
"""
# For tests that depend on dask only: a cluster on a real SLURM starts slowly.
embedded_only = pytest.mark.parametrize("slurm", ["embedded"], indirect=True, scope="module")


def slurm_of(request: pytest.FixtureRequest) -> Iterator[SlurmCommands]:
    """Yield the SLURM that a fixture's parameter names."""
    if request.param == "real":
        yield request.getfixturevalue("real_slurm")
        return
    with EmbeddedCommands(kill_wait_seconds=5, min_job_age_seconds=60) as embedded:
        yield embedded


class Cluster:
    """A user's cluster, which several tests may share: see `reset`.

    Parameters
    ----------
    slurm, notebook
        The SLURM of its jobs, and the process that holds it.
    folder
        The folder of the files that tasks write, and of the action log.
    jobs
        Number of jobs at the start; their workers are waited for.
    settings
        Further arguments of `SLURMCluster`, as Python code.
    processes
        Processes of each job, of one core each.
    kind
        Its class.
    """

    def __init__(
        self,
        slurm: SlurmCommands,
        notebook: Notebook,
        folder: Path,
        jobs: int,
        settings: str,
        processes: int = PROCESSES,
        kind: str = "SLURMCluster",
    ) -> None:
        self.slurm = slurm
        self.notebook = notebook
        self.processes = processes
        self._use_files_in(folder)
        notebook.run(
            f"cluster = {kind}(cores={processes}, {DEFAULTS}, {DASHBOARD}, {settings})\n"
            f"client = Client(cluster); cluster.scale(jobs={jobs}); futures = ()\n"
            "def work(i, seconds, log, end):\n"
            "    import os, time\n"
            "    with open(log, 'a') as file:\n"
            "        print(i, file=file)\n"
            "    begin = time.monotonic()\n"
            "    while (seconds is None or time.monotonic() < begin + seconds) and not os.path.exists(end):\n"
            "        time.sleep(0.05)\n"
            "    return i\n"
            "async def statuses():  # in the thread of the scheduler: in another, its workers may change meanwhile\n"
            "    return [worker.status.name for worker in cluster.scheduler.workers.values()]\n"
        )
        self.wait_for_workers(jobs * processes)
        self.address: str = notebook.value("cluster.scheduler_address")
        self.options = Options(address=self.address, dask_timeout_seconds=20)

    def _use_files_in(self, folder: Path) -> None:
        self.runs = folder / "runs"
        self.runs.touch()
        self.end = folder / "end"
        self.environment = self.slurm.environment | {"XDG_STATE_HOME": str(folder / "state")}
        self.log = folder / "state" / "dasktop" / "actions.log"
        self.steps: list[Progress] = []

    def release_results(self) -> None:
        """End all tasks, and release their results."""
        self.end_tasks()
        self.notebook.run("client.cancel(list(futures)); futures = ()")
        self.notebook.wait_until(
            "not cluster.scheduler.tasks"
            " and not any(w.has_what or w.processing for w in list(cluster.scheduler.workers.values()))"
        )

    def reset(self, jobs: int, folder: Path) -> None:
        """Prepare it for the next test: `jobs` jobs, no task, no event, and the files of that test."""
        self.release_results()
        self.notebook.run(
            f"cluster.scale(jobs={jobs})\n"
            "async def forget(): cluster.scheduler._broker.truncate('dasktop')\n"
            "cluster.sync(forget)"
        )
        self.wait_for_workers(jobs * self.processes)
        wait_until(lambda: len(self.slurm.queued()) == len(self.job_ids) == jobs)
        self._use_files_in(folder)

    def close(self) -> None:
        self.notebook.run("client.close(); cluster.close()")
        self.slurm.cancel_all()

    def wait_for_workers(self, number: int) -> None:
        """Wait until so many workers run, and the owner, which the scheduler notifies later, has seen them."""
        self.notebook.wait_until(
            f"cluster.sync(statuses) == ['running'] * {number} and len(cluster.observed) == {number}"
        )

    async def wait_until_running(self, number: int) -> None:
        """Wait until all workers, of which there are so many, report that they run again."""
        await until(lambda: self.statuses == ["running"] * number)

    def compute(self, tasks: int, seconds: float | None = 0.0, wait: bool = True) -> None:
        """Start tasks whose results the notebook keeps; with ``None`` seconds they run until `end_tasks`."""
        files = f"log={str(self.runs)!r}, end={str(self.end)!r}"
        self.notebook.run(f"futures = client.map(work, range({tasks}), seconds={seconds}, {files}, pure=False)")
        if wait:
            self.notebook.run("wait(futures)")

    def end_tasks(self) -> None:
        self.end.touch()

    @property
    def started(self) -> int:
        """The number of tasks that were started so far."""
        return len(self.runs.read_text().split())

    def started_twice(self) -> int:
        """Wait for all results, and return the number of tasks that were started more than once."""
        assert self.notebook.value("client.gather(futures) == list(range(len(futures)))")
        return sum(times > 1 for times in Counter(self.runs.read_text().split()).values())

    @property
    def job_ids(self) -> dict[str, str]:
        return self.notebook.value("{str(name): job.job_id for name, job in list(cluster.workers.items())}")

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, event in self.notebook.value("list(cluster.scheduler.get_events('dasktop'))")]

    @property
    def statuses(self) -> list[str]:
        return sorted(self.notebook.value("cluster.sync(statuses)"))

    async def snapshot(self) -> Snapshot:
        poller = Poller(self.options, self.environment, recently_ended=False)
        poller.attach_to(self.address)
        try:
            await poller.poll_everything()
            return poller.snapshot()
        finally:
            await poller.close()

    async def plan(self, target: Target) -> ScalePlan:
        return plan(await self.snapshot(), target)

    async def execute(self, chosen: ScalePlan, drain_seconds: float = 60.0) -> Outcome:
        options = replace(self.options, drain_seconds=drain_seconds)
        return await execute(chosen, self.address, options, self.steps.append, environment=self.environment)

    async def scale(self, target: Target, drain_seconds: float = 60.0) -> Outcome:
        return await self.execute(await self.plan(target), drain_seconds)

    def step_was(self, step: str) -> bool:
        return any(progress.step == step for progress in self.steps)

    async def wait_for_step(self, step: str, scaling: asyncio.Task[Outcome]) -> None:
        """Wait until scaling has reached this step; AssertionError with its outcome if it ends before."""
        await until(lambda: self.step_was(step) or scaling.done())
        assert self.step_was(step), scaling.result()

    async def command(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start ``dasktop scale`` on this cluster, without a terminal."""
        return await asyncio.create_subprocess_exec(
            *with_forked_python([*PROGRAM, self.address, *arguments]),
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str) -> tuple[int | None, str, str]:
        """Run ``dasktop scale`` on this cluster; return its status, standard output and standard error."""
        process = await self.command(*arguments)
        output, steps = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        return process.returncode, output.decode(), steps.decode()


class SbatchWorkers:
    """A scheduler without a cluster object, and workers submitted with sbatch."""

    def __init__(self, slurm: SlurmCommands, address: str, folder: Path) -> None:
        self.slurm = slurm
        self.address = address
        self.environment = slurm.environment | {"XDG_STATE_HOME": str(folder / "state")}
        self.runs = folder / "runs"

    def submit(self, name: str, *arguments: str) -> str:
        worker = ("-m", "dask", "worker", self.address, "--nthreads", "1", "--no-dashboard", "--name", name)
        command = " ".join((forked_python(), *worker, *arguments))
        script = f"#!/bin/sh\n#SBATCH --time=20\nexec {command}\n"
        return self.slurm.submit(script, "--mem=500", "--job-name=plain")

    def options(self, slurm_timeout_seconds: float = 20.0) -> Options:
        return Options(address=self.address, dask_timeout_seconds=20, slurm_timeout_seconds=slurm_timeout_seconds)

    async def snapshot(self, options: Options | None = None) -> Snapshot:
        """Return a snapshot in which all workers have a job; a worker that has just started may answer late."""
        poller = Poller(options or self.options(), self.environment, recently_ended=False)
        poller.attach_to(self.address)
        try:
            await poller.poll_everything()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while poller.snapshot().unplaced_workers:
                    await asyncio.sleep(0.1)
                    await poller.poll_dask()
            return poller.snapshot()
        finally:
            await poller.close()

    async def wait_for_workers(self, number: int) -> None:
        """Wait until so many workers have registered."""
        async with Client(self.address, asynchronous=True) as client:
            await client.wait_for_workers(number, PATIENCE_SECONDS)

    async def cancel_all(self) -> None:
        """Cancel all jobs, and wait until the scheduler knows that their workers are gone."""
        self.slurm.cancel_all()
        async with Client(self.address, asynchronous=True) as client:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (await client.scheduler.identity(n_workers=-1))["workers"]:  # noqa: ASYNC110 - there is no event
                    await asyncio.sleep(0.1)

    async def plan(self, target: Target) -> ScalePlan:
        return plan(await self.snapshot(), target)

    async def scale(self, target: Target, report: ReportProgress = lambda _: None) -> Outcome:
        chosen = await self.plan(target)
        return await execute(chosen, self.address, self.options(), report, environment=self.environment)

    def with_fake_command(self, program: str, script: str) -> dict[str, str]:
        """Return an environment in which a SLURM command is replaced by a shell script."""
        folder = self.runs.parent / f"fake-{program}"
        folder.mkdir(exist_ok=True)
        (folder / program).write_text(f"#!/bin/sh\n{script}\n")
        (folder / program).chmod(0o755)
        return self.environment | {"PATH": f"{folder}:{self.environment['PATH']}"}

    async def compute(self, client: Client) -> list[Future]:
        log = str(self.runs)

        def work(i: int) -> int:
            with open(log, "a") as file:  # noqa: PTH123 - runs in a worker
                print(i, file=file)
            return i

        futures = client.map(work, range(50), pure=False)
        await wait(futures)
        return futures
