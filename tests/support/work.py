"""Hand-made work for tests: plain values everywhere, each to be replaced by keyword."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.model.work import (
    Attempt,
    Computation,
    Eta,
    Failure,
    Progress,
    RunningTask,
    TaskActivity,
    TaskName,
    UnrunnableTask,
    Work,
)
from tests.support.snapshots import TAKEN_AT

WHILE = datetime(2026, 11, 26, 4, 9, tzinfo=UTC)
"""A time in the recorded run of the scenes."""


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


def climate_work() -> Work:
    """Return three computations: one that ended, one with failures and long tasks, and one that no worker may run."""
    eta = Eta(earliest=WHILE + timedelta(minutes=3), latest=WHILE + timedelta(minutes=7), based_on="mean time of tasks")
    names = (
        _name("open_grib", {"memory": 60, "released": 237, "processing": 3}, (0.4, 0.9, 120.0), 4.2, 80 << 20, eta),
        _name(
            "regrid",
            {"memory": 80, "processing": 9, "queued": 30, "waiting": 181},
            (1.9, 4.4, 560.0),
            3.1,
            420 << 20,
            eta,
        ),
        _name(
            "quantile_map",
            {"memory": 69, "processing": 8, "waiting": 220, "erred": 3},
            (2.7, 24.0, 830.0),
            2.2,
            1 << 30,
            eta,
        ),
        _name("zonal_mean", {"memory": 5, "waiting": 52, "erred": 3}, (0.5, 0.8, 3.0), 0.2, 4000, eta),
        _name("train", {"no-worker": 3}, (None, None, None), 0.0, 0, None),
    )
    states: dict[str, int] = {}
    for name in names[:-1]:
        for state, number in name.states.items():
            states[state] = states.get(state, 0) + number
    means = computation(
        "c1",
        code=("ds = xr.open_mfdataset(files)", "ds.t2m.groupby('time.month').mean().compute()", "ds.close()"),
        states={"released": 400},
        task_names=("mean_agg",),
        started_at=WHILE - timedelta(minutes=12),
        ended_at=WHILE - timedelta(minutes=9),
    )
    started = WHILE - timedelta(minutes=5)
    quantiles = computation(
        "c2", name="era5 monthly quantiles", states=states, task_names=names_of(names[:-1]), started_at=started, eta=eta
    )
    train = computation("c3", states={"no-worker": 3}, task_names=("train",), started_at=started)
    running = (
        running_task(f"('quantile_map-8a7f0d5e', {number})", task_name="quantile_map", seconds=24.0 - 7 * number)
        for number in range(3)
    )
    return work(
        computations=(means, quantiles, train),
        task_names=names,
        running=tuple(replace(task, typical_seconds=2.7) for task in running),
        failures=tuple(
            failure(
                f"('quantile_map-8a7f0d5e', {number})",
                task_name="quantile_map",
                at=WHILE - timedelta(minutes=1),
                blocks=1,
            )
            for number in (7, 31, 64)
        ),
        activities=(
            activity("quantile_map", seconds=600.0),
            activity("quantile_map", activity="disk-read", seconds=90.0),
        ),
        progress=Progress(done=451, total=963, failed=3, blocked=3),
        rate_per_second=9.7,
        eta=eta,
    )


def failed_work() -> Work:
    """Return the climate work with tasks that failed of an exception, and one whose workers were killed."""
    kill = "killed by its nanny because of its memory use: 980 MiB of 1,000 MiB"
    given = climate_work()
    attempts = tuple(
        attempt(
            f"SLURMCluster-0-{number}",
            job_id="2",
            node="n002",
            at=WHILE - timedelta(seconds=50 - 10 * number),
            cause=kill,
        )
        for number in range(3)
    )
    killed = failure(
        "('open_grib-44c1', 12)",
        task_name="open_grib",
        at=WHILE - timedelta(seconds=30),
        kind="worker killed",
        exception=None,
        traceback=None,
        worker=None,
        attempts=attempts,
        blocks=3,
    )
    failures = (*(replace(one, node="n001") for one in given.failures or ()), killed)
    return replace(given, failures=failures, progress=replace(given.progress, failed=4, blocked=6))


def names_of(names: Sequence[TaskName]) -> tuple[str, ...]:
    """Return the names."""
    return tuple(name.name for name in names)


def _name(
    name: str,
    states: dict[str, int],
    seconds: tuple[float | None, float | None, float | None],
    rate: float,
    stored: int,
    eta: Eta | None,
) -> TaskName:
    mean, longest, compute = seconds
    return task_name(
        name,
        states=states,
        seconds_mean=mean,
        seconds_max=longest,
        compute_seconds=compute,
        rate_per_second=rate,
        bytes_stored=stored,
        eta=eta,
    )
