"""dasktop on a scheduler and workers of distributed 2023.5, which run in their own environment."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dasktop.collectors.model.plan import Progress
from dasktop.collectors.model.readings import DaskReading
from dasktop.collectors.model.snapshot import Thread
from dasktop.collectors.sources.dask.collector import DaskCollector, check
from tests.support.dask_processes import Scheduler, Workers, places_are_read, read_until
from tests.support.dasktop_program import PATIENT
from tests.support.isolated_environment import SPAWN
from tests.support.job_release import JobRelease
from tests.support.old_environment import old_environment
from tests.support.terminal import Terminal
from tests.support.waiting import PATIENCE_SECONDS

VERSION = "2023.5.0"

# Runs in the old environment: keeps one thread busy until a file exists, and three threads waiting.
CLIENT = """
import os, sys, time
from distributed import Client
client = Client(sys.argv[1])
def spin(stop):
    while not os.path.exists(stop):
        sum(range(100_000))
def sleep(stop):
    while not os.path.exists(stop):
        time.sleep(0.1)
done = client.submit(str, 1)
done.result()
spinning = client.submit(spin, sys.argv[2], key="spin", pure=False)
waiting = [client.submit(sleep, sys.argv[2], key=("sleep", i), pure=False) for i in range(3)]
sys.stdin.read()
"""


FAILING_CLIENT = """
import sys
from distributed import Client
client = Client(sys.argv[1])
done = client.map(abs, range(20), pure=False)
failed = client.map(divmod, [1, 2], [0, 0], pure=False)
blocked = client.map(repr, failed)
waiting = client.submit(hex, 7, resources={"GPU": 1}, pure=False)
sys.stdin.read()
"""

# Computes 20 results on one worker, starts another task that waits for a file, and gathers on a line of input.
WORK = """
import os, sys, time
from distributed import Client, wait
client = Client(sys.argv[1])
def work(i, folder, file):
    with open(os.path.join(folder, "started"), "a") as started:
        print(i, file=started)
    while not os.path.exists(os.path.join(folder, file)):
        time.sleep(0.1)
    return i
where = {"folder": sys.argv[2], "workers": ["going-0"], "allow_other_workers": True}
results = client.map(work, range(20), file=".", **where)
wait(results)
results.append(client.submit(work, 20, file="go on", **where))
while "20" not in open(os.path.join(sys.argv[2], "started")).read().split():
    time.sleep(0.1)
print("at work", flush=True)
sys.stdin.readline()
print(sum(client.gather(results)))
"""


@pytest.fixture(scope="module")
def old_python() -> Path:
    """The Python of an environment with the old distributed."""
    return old_environment(f"distributed=={VERSION}", f"dask=={VERSION}")


@pytest.fixture(scope="module")
def old_scheduler(old_python: Path) -> Iterator[Scheduler]:
    with Scheduler(python=old_python) as scheduler:
        yield scheduler


@pytest.fixture(scope="module")
def old_workers(old_python: Path, old_scheduler: Scheduler) -> Iterator[Workers]:
    place = SPAWN | {"SLURM_JOB_ID": "4711", "SLURM_PROCID": "0"}
    with Workers(
        old_scheduler.address, "--nthreads", "2", "--name", "old", count=2, python=old_python, environment=place
    ) as workers:
        yield workers


@pytest.fixture
def four_tasks(old_python: Path, old_scheduler: Scheduler, old_workers: Workers, tmp_path: Path) -> Iterator[None]:
    """One task that spins and three that sleep, submitted by a client of the old version."""
    stop = tmp_path / "stop"
    client = subprocess.Popen([old_python, "-c", CLIENT, old_scheduler.address, stop], stdin=subprocess.PIPE)
    yield
    stop.touch()  # a running task outlives its client
    client.kill()
    client.wait()


async def test_versions_of_distributed_differ(old_python: Path) -> None:
    def version(python: str | Path) -> str:
        program = "import distributed; print(distributed.__version__)"
        return subprocess.run([python, "-c", program], check=True, capture_output=True, text=True).stdout.strip()

    assert version(old_python) == VERSION
    assert version(sys.executable) != VERSION


async def test_reading_of_old_scheduler(old_scheduler: Scheduler, old_workers: Workers) -> None:
    old_scheduler.wait_until_logged(workers=2)
    before = len(old_scheduler.log)
    collector = DaskCollector(old_scheduler.address)
    reading = await read_until(
        collector, lambda seen: places_are_read(seen) and all(w.worker.memory_bytes for w in seen.workers)
    )
    assert collector.refusal is None
    assert reading.cluster.dask_version == VERSION
    assert reading.cluster.scheduler_id == (await check(old_scheduler.address, None, 5)).scheduler_id
    assert {worker.worker.name for worker in reading.workers} == {"old-0", "old-1"}
    for seen in reading.workers:
        assert seen.place is not None
        assert seen.place.job_id == "4711"
        assert seen.worker.nanny_pid == old_workers.pid
        assert seen.worker.host == os.uname().nodename
        assert seen.worker.spilled_bytes == 0
        assert seen.worker.transfers is not None
        assert seen.worker.transfers.outgoing_count_total is not None
    assert len(old_scheduler.log[before:]) <= 2
    await collector.close()


@pytest.fixture
def failing_client(old_python: Path, old_scheduler: Scheduler, old_workers: Workers) -> Iterator[None]:
    with subprocess.Popen([old_python, "-c", FAILING_CLIENT, old_scheduler.address], stdin=subprocess.PIPE) as client:
        yield
        client.communicate()


@pytest.mark.usefixtures("failing_client")
async def test_work_of_old_scheduler(old_scheduler: Scheduler) -> None:
    collector = DaskCollector(old_scheduler.address)
    reading = await read_until(
        collector,
        lambda seen: seen.work is not None and (seen.work.progress.done, seen.work.progress.erred) == (20, 4),
    )
    await collector.close()
    work = reading.work
    assert work is not None
    totals = {name.name: name.total for name in work.task_names}
    assert totals == {"abs": 20, "divmod": 2, "repr": 2, "hex": 1}
    assert {failure.task_name for failure in work.failures or ()} == {"divmod"}
    assert all("ZeroDivisionError" in (failure.exception or "") for failure in work.failures or ())
    assert {failure.worker for failure in work.failures or ()} <= {"old-0", "old-1"}
    assert [task.resources for task in work.unrunnable] == [{"GPU": 1.0}]
    assert [set(computation.task_names) for computation in work.computations][-1] == totals.keys()


def compute_threads(reading: DaskReading) -> list[Thread]:
    return [thread for seen in reading.workers for thread in seen.worker.threads if thread.role == "compute"]


@pytest.mark.usefixtures("four_tasks")
async def test_threads_and_tasks_of_old_workers(old_scheduler: Scheduler) -> None:
    collector = DaskCollector(old_scheduler.address)
    reading = await read_until(collector, lambda seen: sum(w.worker.executing or 0 for w in seen.workers) == 4)
    assert reading.cluster.task_counts == {"memory": 1, "processing": 4}
    assert sum(seen.worker.stored or 0 for seen in reading.workers) == 1
    now = {seen.worker.longest_task_name for seen in reading.workers if seen.worker.executing}
    assert now
    assert now <= {"spin", "sleep"}
    assert reading.work is not None
    states = {name.name: name.states for name in reading.work.task_names}
    assert states == {"str": {"memory": 1}, "spin": {"processing": 1}, "sleep": {"processing": 3}}
    assert [set(computation.task_names) for computation in reading.work.computations][-1] <= states.keys()
    assert not {failure.task_name for failure in reading.work.failures or ()} & states.keys()

    addresses = tuple(seen.worker.address for seen in reading.workers)
    reading = await read_until(
        collector,
        lambda seen: (
            {t.task_key for t in compute_threads(seen)} == {"spin", *(f"('sleep', {i})" for i in range(3))}
            and any((t.cpu_percent or 0) > 1 for t in compute_threads(seen))  # little on a loaded machine
        ),
        addresses,
    )
    assert max(compute_threads(reading), key=lambda thread: thread.cpu_percent or 0).task_key == "spin"
    assert {thread.task_name for thread in compute_threads(reading)} == {"spin", "sleep"}
    assert all(thread.task_seconds is not None for thread in compute_threads(reading))
    assert reading.work is not None
    assert reading.work.progress.total - reading.work.progress.done == 4
    assert all(seen.worker.file_system for seen in reading.workers)

    logs = await collector.server_logs(addresses)
    assert {"worker old-0", "worker old-1", "nanny old-0", "nanny old-1"} == {line.split("  ")[0] for line in logs}
    assert any("Register worker" in line for line in await collector.server_logs(()))
    deadline = time.monotonic() + PATIENCE_SECONDS
    for task_name in (None, "spin"):
        # A task may hold the GIL of a worker for longer than it has to answer.
        while (profile := await collector.profile(addresses, task_name)).problems:
            assert time.monotonic() < deadline, profile.problems
        assert task_name is not None or profile.workers == 2
    await collector.close()


@pytest.mark.usefixtures("old_workers")
def test_screen_on_old_scheduler(old_scheduler: Scheduler, tmp_path: Path) -> None:
    command = [*PATIENT, old_scheduler.address, "--no-slurm"]
    with Terminal(command, tmp_path, os.environ) as terminal:
        terminal.wait_for(lambda screen: "4711" in screen and "old-0" in screen and "old-1" in screen)
        terminal.press("Down", "Right")
        terminal.wait_for("MainThread")
        terminal.press("q")
        assert terminal.wait_for_end() == 0


@pytest.fixture
def client_at_work(old_python: Path, old_scheduler: Scheduler, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A client of the old version, and two workers; each task writes a line to a file when it starts."""
    going = ("--nthreads", "1", "--name", "going")
    command = [old_python, "-c", WORK, old_scheduler.address, tmp_path]
    with Workers(old_scheduler.address, *going, count=2, python=old_python):
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert client.stdout is not None
        assert client.stdout.readline() == "at work\n"
        yield client
        client.kill()
        client.wait()


async def test_release_loses_no_result(
    old_scheduler: Scheduler, client_at_work: subprocess.Popen[str], tmp_path: Path
) -> None:
    collector = DaskCollector(old_scheduler.address)
    reading = await collector.read()
    await collector.close()
    assert reading.cluster.scheduler_id is not None
    addresses = [seen.worker.address for seen in reading.workers if seen.worker.name == "going-0"]
    release = JobRelease(old_scheduler.address, reading.cluster.scheduler_id, addresses)

    def end_last_task(progress: Progress) -> None:
        if progress.step == "drain":
            (tmp_path / "go on").touch()

    await release.run(end_last_task)
    assert release.slurm.cancelled == ["7"]
    assert {"drain", "replicate"} <= set(release.steps)
    output, _ = client_at_work.communicate("gather\n")
    assert output == f"{sum(range(21))}\n"
    assert sorted(map(int, (tmp_path / "started").read_text().split())) == list(range(21))
