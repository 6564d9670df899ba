"""Hand-made work for tests: plain values everywhere, each to be replaced by keyword."""

from datetime import timedelta

from msgspec.structs import replace

from dasktop.collectors.model.work import (
    Attempt,
    Computation,
    Failure,
    Progress,
    RunningTask,
    TaskActivity,
    TaskName,
    UnrunnableTask,
    Work,
)
from tests.support.snapshots import TAKEN_AT


def task_name(name: str = "regrid", **values: object) -> TaskName:
    """Return a name with finished, running and waiting tasks."""
    given = TaskName(
        name=name,
        states={"memory": 40, "processing": 12, "waiting": 48},
        seconds_mean=2.5,
        seconds_max=9.0,
        bytes_stored=40 << 20,
        compute_seconds=100.0,
        transfer_seconds=4.0,
        suspicious=0,
        finished_total=40,
    )
    return replace(given, **values)


def computation(number: str = "c1", **values: object) -> Computation:
    """Return a computation that runs, without a name or code."""
    given = Computation(
        id=number,
        name=None,
        code=None,
        started_at=TAKEN_AT - timedelta(minutes=5),
        ended_at=None,
        states={"memory": 40, "processing": 12, "waiting": 48},
        task_names=("regrid",),
        progress=0.4,
    )
    return replace(given, **values)


def running_task(key: str = "('regrid-8a7f0d5e', 3)", **values: object) -> RunningTask:
    """Return a task that runs longer than is typical."""
    given = RunningTask(
        key=key,
        task_name="regrid",
        worker="SLURMCluster-0-0",
        address="tcp://10.1.0.7/SLURMCluster-0-0",
        job_id="4709",
        seconds=30.0,
        typical_seconds=2.5,
    )
    return replace(given, **values)


def attempt(worker: str | None = "SLURMCluster-0-0", **values: object) -> Attempt:
    """Return an attempt whose worker ended."""
    given = Attempt(worker=worker, address=f"tcp://10.1.0.7/{worker}", job_id="4709", at=TAKEN_AT, cause=None)
    return replace(given, **values)


def failure(key: str = "('regrid-8a7f0d5e', 3)", **values: object) -> Failure:
    """Return a task that raised an exception."""
    given = Failure(
        key=key,
        task_name="regrid",
        at=TAKEN_AT - timedelta(minutes=1),
        kind="exception",
        exception="ValueError('no grid')",
        traceback=('  File "/home/ada/regrid.py", line 3, in regrid', "    raise ValueError('no grid')"),
        worker="SLURMCluster-0-0",
        address="tcp://10.1.0.7/SLURMCluster-0-0",
        job_id="4709",
        blocks=2,
    )
    return replace(given, **values)


def unrunnable_task(key: str = "train-8a7f0d5e", **values: object) -> UnrunnableTask:
    """Return a task that needs a GPU."""
    given = UnrunnableTask(
        key=key, task_name="train", resources={"GPU": 1.0}, workers=(), hosts=(), waiting_seconds=61.0
    )
    return replace(given, **values)


def activity(task_name: str = "regrid", **values: object) -> TaskActivity:
    """Return the CPU time of a name's tasks."""
    return replace(TaskActivity(task_name=task_name, activity="thread-cpu", seconds=90.0), **values)


def work(**values: object) -> Work:
    """Return one computation of one name, with one of everything."""
    given = Work(
        computations=(computation(),),
        task_names=(task_name(),),
        running=(running_task(),),
        failures=(failure(),),
        unrunnable=(unrunnable_task(),),
        unrunnable_total=1,
        activities=(activity(),),
        progress=Progress(done=40, total=100, failed=1, blocked=2),
    )
    return replace(given, **values)
