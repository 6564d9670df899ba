"""How rules become findings: how long a condition has to last, when it began, and which sources it needs."""

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.findings import FindingHistory, PendingFinding, Rule, evaluate, find
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.readings import DaskReading, EndedJob, QueuedJob, SlurmReading
from dasktop.collectors.model.snapshot import Source
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.sources.slurm.collector import SlurmCollector
from tests.support.findings_watch import after, codes, healthy_job, seen, watch
from tests.support.snapshots import SCHEDULER, TAKEN_AT, ended, pending, snapshot, source


def rules(monkeypatch, *given: Rule) -> None:
    monkeypatch.setattr(evaluate, "registered_rules", lambda: given)


def yields(*pending: PendingFinding):
    return lambda context: iter(pending)


def test_findings_are_sorted_by_severity_then_rule(monkeypatch):
    rules(
        monkeypatch,
        Rule("a", yields(PendingFinding("info", "1"), PendingFinding("error", "2", job_id="7"))),
        Rule(
            "b",
            yields(
                PendingFinding("warning", "3"),
                PendingFinding("error", "4", job_id="7"),
                PendingFinding("info", "5", about="x"),
            ),
        ),
    )
    assert [found.message for found in watch(snapshot())] == ["2", "4", "3", "1", "5"]


def test_worst_harm_and_largest_extent_come_first(monkeypatch):
    unused = PendingFinding("warning", "unused", extent=400)
    stuck = [PendingFinding("warning", f"stuck {number}", about=str(number), extent=number) for number in (1, 3)]
    rules(
        monkeypatch,
        Rule("a", yields(PendingFinding("warning", "risk", extent=9000)), order=1),
        Rule("b", yields(unused), order=2, harm="unused"),
        Rule("c", yields(PendingFinding("warning", "lost")), order=3, harm="lost"),
        Rule("d", yields(*stuck), order=4, harm="held up"),
        Rule("e", yields(PendingFinding("error", "lost job")), order=5, harm="lost"),
        Rule("f", yields(PendingFinding("error", "failed")), order=6, harm="held up"),
        Rule("g", yields(PendingFinding("info", "later")), order=7, harm="held up"),
    )
    expected = ["failed", "stuck 3", "stuck 1", "lost job", "lost", "unused", "risk", "later"]
    assert [found.message for found in watch(snapshot())] == expected


def test_findings_of_a_source_that_fails_keep_their_rank(monkeypatch):
    rules(
        monkeypatch,
        Rule("a", yields(PendingFinding("warning", "seen")), needs=()),
        Rule("b", yields(PendingFinding("warning", "kept")), needs=("dask",), harm="held up"),
    )
    one = snapshot(sources=(source("dask"),))
    failing = replace(one, sources=(source("dask", state="stale", age_seconds=9.0),))
    assert [found.message for found in watch(one, after(2, failing))] == ["kept", "seen"]


def test_condition_becomes_a_finding_once_it_has_lasted(monkeypatch):
    rules(monkeypatch, Rule("a", yields(PendingFinding("info", "1", after_seconds=10))))
    one = snapshot()
    assert codes(one) == []
    assert codes(one, after(9, one)) == []
    (found,) = watch(one, after(9, one), after(10, one), after(40, one))
    assert found.since == TAKEN_AT


def test_one_snapshot_suffices_if_the_start_is_known(monkeypatch):
    since = TAKEN_AT - timedelta(seconds=10)
    rules(monkeypatch, Rule("a", yields(PendingFinding("info", "1", since=since, after_seconds=10))))
    (found,) = watch(snapshot())
    assert found.since == since


def test_interrupted_condition_starts_again(monkeypatch):
    def interrupted(context):
        if (context.now - TAKEN_AT).seconds != 6:
            yield PendingFinding("info", "1", after_seconds=10)

    rules(monkeypatch, Rule("a", interrupted))
    one = snapshot()
    assert codes(one, after(6, one), after(10, one), after(19, one)) == []
    assert codes(one, after(6, one), after(10, one), after(20, one)) == ["a"]


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_no_condition_lasts_over_a_break(monkeypatch, seconds):
    """The process was stopped, the machine was suspended, or its clock was set."""
    rules(monkeypatch, Rule("a", yields(PendingFinding("info", "1", after_seconds=10))))
    one = snapshot()
    before = (one, after(2, one), after(12, one))
    assert codes(*before) == ["a"]
    assert codes(*before, after(seconds, one)) == []
    assert codes(*before, after(seconds, one), after(seconds + 9, one)) == []
    (found,) = watch(*before, after(seconds, one), after(seconds + 10, one))
    assert found.since == after(seconds, one).taken_at


def test_long_intervals_are_no_breaks(monkeypatch):
    rules(monkeypatch, Rule("a", yields(PendingFinding("info", "1", after_seconds=600))))
    assert codes(*(after(300 * number, snapshot()) for number in range(3))) == ["a"]


def test_kept_findings_end_at_a_break(monkeypatch):
    rules(monkeypatch, Rule("a", yields(PendingFinding("info", "1"))))
    assert codes(snapshot(), without_dask(2)) == ["a"]
    assert codes(snapshot(), without_dask(2), without_dask(3600)) == []
    assert codes(snapshot(), without_dask(2), without_dask(-3600)) == []


def without_dask(seconds: float, state: str = "stale"):
    return after(seconds, snapshot(sources=(source("dask", state=state), source("slurm.queue"))))


def test_findings_stay_while_a_source_briefly_fails(monkeypatch):
    rules(monkeypatch, Rule("a", yields(PendingFinding("info", "1"))))
    assert codes(snapshot(), without_dask(2)) == ["a"]
    assert codes(snapshot(), without_dask(2), without_dask(11)) == ["a"]
    assert codes(snapshot(), without_dask(2), without_dask(12)) == []
    (found,) = watch(snapshot(), without_dask(2), after(8, snapshot()))
    assert found.since == TAKEN_AT


@pytest.mark.parametrize("state", ["error", "off", "stale"])
def test_rule_does_not_run_without_its_source(monkeypatch, state):
    rules(
        monkeypatch,
        Rule("a", yields(PendingFinding("info", "1"))),
        Rule("b", yields(PendingFinding("info", "1")), ("slurm.queue",)),
    )
    assert codes(without_dask(0, state)) == ["b"]
    assert codes(snapshot(sources=())) == []


def test_failing_scheduler_has_no_lost_jobs():
    dead = ended("4709")
    counting = replace(seen([dead]), cluster=seen([replace(dead, fate=None)]).cluster)
    sources: tuple[Source, ...] = (source("dask", state="error"), source("slurm.queue"))
    assert codes(counting) == ["lost-job"]
    assert codes(replace(counting, sources=sources)) == []


def test_times_of_day_are_local():
    found, _ = find(seen([ended("4701", "FAILED", "…")]), zone=timezone(timedelta(hours=2)))
    assert "at 13:55" in found[0].message


@pytest.fixture
def zurich(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Zurich")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zurich")
def test_times_of_day_follow_daylight_saving():
    """A job pending over the night in which the clocks change starts by the new time."""
    poller = Poller(Options(slurm=False))
    now = datetime.now(UTC)
    days = (now + timedelta(days=number) for number in range(366))
    offset = now.astimezone().utcoffset()
    start = next(day for day in days if day.astimezone().utcoffset() != offset).astimezone(ZoneInfo("Europe/Zurich"))
    waits = pending(expected_start_at=start.astimezone(UTC), submitted_at=now - timedelta(days=1))
    shown = replace(seen([waits]), taken_at=now)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("dasktop.collectors.runtime.poller.reconcile", lambda *_, **__: shown)
        (found,) = (one for one in poller.snapshot().findings if one.code == "job-pending-long")
    assert f"starts about {start:%H:%M}" in found.message


def test_new_scheduler_has_none_of_the_old_workers():
    one = seen([healthy_job()])
    other = replace(one, cluster=replace(one.cluster, scheduler_id="Scheduler-2"), jobs=())
    _, history = find(one)
    assert sum(map(len, history.workers.values())) == 4
    _, history = find(after(2, other), history=history)
    assert (history.workers, history.departed, history.restarts) == ({}, (), {})


def test_history_is_bounded():
    history = FindingHistory()
    for second in range(0, 4000, 10):
        job = healthy_job(str(second), second)
        _, history = find(after(second, seen([job, pending(f"9{second}")])), history=history)
    assert len(history.departed) <= 1000
    assert {departed.job_id for departed in history.departed} == {str(second) for second in range(2190, 3990, 10)}
    assert set(history.most_workers) == {"3990"}
    assert len(history.first_seen) < 10


def test_poller_keeps_findings_and_history(monkeypatch):
    dead = EndedJob(job=QueuedJob(job_id="4701", state="NODE_FAIL"), ended_at=TAKEN_AT)
    monkeypatch.setattr(SlurmCollector, "reading", SlurmReading(taken_at=TAKEN_AT, ended=(dead,)))
    poller = Poller(Options(address=SCHEDULER))
    counting = seen([replace(ended("4701"), fate=None)]).cluster
    poller._dask_reading = DaskReading(taken_at=TAKEN_AT, cluster=counting)
    with poller.dask_log.attempt(), poller.queue_log.attempt():
        pass
    assert [(found.code, found.job_id) for found in poller.snapshot().findings] == [("lost-job", "4701")]
    assert set(poller._history.active) == {("lost-job", "4701", None)}
