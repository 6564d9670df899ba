"""Where the time of tasks went, by task name, and what was lost with workers."""

from datetime import timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.usage import UsageAccumulator
from dasktop.collectors.analysis.worker_end import WorkerEnds
from dasktop.collectors.model.report import LostWork, Report
from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from tests.support.snapshots import TAKEN_AT, cluster, snapshot
from tests.support.work import activity, task_name, work

HOUR = 3600.0


def at(seconds: float, scheduler: str = "s", transfer: float | None = 0.0, **activities: float) -> Snapshot:
    """Return a snapshot with hours by activity of one task name, since the scheduler started."""
    measured = tuple(
        activity(activity=name.replace("_", "-"), seconds=hours * HOUR) for name, hours in activities.items()
    )
    names = (task_name(transfer_seconds=None if transfer is None else transfer * HOUR),)
    shown = snapshot([], cluster=replace(cluster(), scheduler_id=scheduler))
    shown = replace(shown, work=work(activities=measured, task_names=names))
    return replace(shown, taken_at=TAKEN_AT + timedelta(seconds=seconds))


def report_of(*snapshots: Snapshot) -> Report:
    usage = UsageAccumulator(10.0)
    for one in snapshots:
        usage.add(one)
    return usage.report()


def test_hours_between_the_first_and_last_snapshot() -> None:
    first = at(0, transfer=1.0, thread_cpu=5.0, disk_read=1.0)
    last = at(10, transfer=3.0, thread_cpu=8.0, disk_read=1.0, disk_write=0.5, thread_noncpu=1.0, own=0.25, failed=2.0)
    [time] = report_of(first, at(5, thread_cpu=6.0), last).task_times or ()
    assert (time.task_name, time.total_hours) == ("regrid", 6.75)
    assert (time.compute_hours, time.waiting_hours, time.spill_hours, time.deserialize_hours) == (3.0, 1.0, 0.5, 0.0)
    assert (time.failed_hours, time.other_hours, time.transfer_hours) == (2.0, 0.25, 2.0)


def test_one_snapshot_counts_since_the_scheduler_started() -> None:
    [time] = report_of(at(0, thread_cpu=5.0, transfer=None)).task_times or ()
    assert (time.compute_hours, time.transfer_hours) == (5.0, None)


def test_schedulers_are_added() -> None:
    snapshots = at(0, "a", thread_cpu=5.0), at(10, "a", thread_cpu=6.0), at(20, "b"), at(30, "b", thread_cpu=3.0)
    [time] = report_of(*snapshots).task_times or ()
    assert time.compute_hours == 4.0


def test_unknown_without_measured_activities() -> None:
    assert report_of(snapshot([])).task_times is None
    assert report_of(replace(at(0), work=work(activities=None))).task_times is None
    assert report_of(at(0)).task_times == ()


def test_what_was_lost_with_workers() -> None:
    assert report_of(at(0)).lost is None
    gone = WorkerEvent(at=TAKEN_AT, worker="w", kind="removed", tasks_interrupted=2, results_lost=8)
    shown = replace(at(0, thread_cpu=1.0), worker_events=(gone,))
    later = replace(at(10, thread_cpu=1.0), worker_events=(gone, replace(gone, kind="died", results_lost=None)))
    # The mean time of a task is 100 s ÷ 40.
    assert report_of(shown, later).lost == LostWork(results=8, tasks_interrupted=4, hours_estimate=0.0083)


def test_a_memory_kill_counts_once():
    """Its event repeats what the removal of the worker cost."""
    gone = WorkerEvent(at=TAKEN_AT, worker="w", address="tcp://w", kind="removed", tasks_interrupted=2, results_lost=8)
    events = WorkerEnds(
        [replace(gone, kind="killed for memory", tasks_interrupted=None, results_lost=None), gone], {}, {}, {}
    ).events
    assert [event.results_lost for event in events] == [8, 8]
    shown = replace(at(0), worker_events=events)
    lost = report_of(shown, replace(at(10), worker_events=events)).lost
    assert lost is not None
    assert (lost.results, lost.tasks_interrupted) == (8, 2)
