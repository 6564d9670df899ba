"""Findings: what each rule finds, and what it must not take for one."""

from msgspec.structs import replace

from dasktop.collectors import findings
from dasktop.collectors.findings import find
from dasktop.collectors.model import Finding, Owner, Snapshot
from dasktop.collectors.options import Options
from dasktop.collectors.poller import Poller
from dasktop.collectors.readings import DaskReading, EndedJob, QueuedJob, SlurmReading
from dasktop.collectors.slurm.collector import SlurmCollector
from tests.snapshots import SCHEDULER, TAKEN_AT, busy_job, cluster, ended, everyday, job, pending, snapshot, source


def owner(**job_ids: str) -> Owner:
    given = cluster().owner
    assert given is not None
    return replace(
        given, adaptive=None, job_ids={f"SLURMCluster-{name[1:]}": job_id for name, job_id in job_ids.items()}
    )


def counting(*jobs, **values: object) -> Snapshot:
    """Return a snapshot whose owner counts 4701 as number 0 and 4702 as number 1."""
    return snapshot(jobs, **{"cluster": cluster(owner=owner(_0="4701", _1="4702"))} | values)


def test_a_job_that_the_owner_counts_and_slurm_has_ended_is_lost():
    (found,) = find(counting(ended("4701"), busy_job("4702", 1)))
    assert found == Finding(
        code="lost-job",
        severity="error",
        job_id="4701",
        worker=None,
        message="job 4701 is lost (reached its time limit of 1 h), and its owner still counts it as SLURMCluster-0: "
        "L replaces it; dasktop scale --replace-lost",
        since=ended("4701").fate.ended_at,
    )


def test_without_accounting_the_state_tells_and_the_time_is_unknown():
    (found,) = find(counting(replace(ended("4701", "CANCELLED by 1001"), fate=None)))
    assert "ended as CANCELLED by 1001" in found.message
    assert found.since is None


def test_each_lost_job_is_a_finding():
    assert [found.job_id for found in find(counting(ended("4701"), ended("4702")))] == ["4701", "4702"]


def test_what_runs_waits_or_is_unknown_is_not_lost():
    unknown = job("4702", state=None, evidence=("owner",))
    assert find(counting(busy_job("4701", 0), pending("4702"))) == ()
    assert find(counting(replace(busy_job("4701", 0), state="COMPLETING"), unknown)) == ()
    assert find(counting()) == ()


def test_what_no_owner_counts_any_more_has_just_ended():
    assert find(everyday()) == ()
    assert find(counting(ended("4703"))) == ()
    assert find(snapshot([ended("4701")], cluster=cluster(owner=None))) == ()


def test_what_a_silent_scheduler_counts_is_not_known():
    for state in ("stale", "error"):
        assert find(counting(ended("4701"), sources=(source("dask", state=state), source("slurm.queue")))) == ()


def test_the_worst_comes_first_and_rules_keep_their_order(monkeypatch):
    def rule(*found: tuple[str, str]):
        return lambda _: iter(
            [
                Finding(code=code, severity=level, job_id=None, worker=None, message=code, since=None)
                for code, level in found
            ]
        )

    monkeypatch.setattr(
        findings, "RULES", (rule(("a", "info"), ("b", "error")), rule(("c", "warning"), ("d", "error"), ("e", "info")))
    )
    assert [found.code for found in find(snapshot())] == ["b", "d", "c", "a", "e"]


def test_the_poller_tells_what_is_found(monkeypatch):
    dead = EndedJob(job=QueuedJob(job_id="4701", state="NODE_FAIL"))
    monkeypatch.setattr(SlurmCollector, "reading", SlurmReading(taken_at=TAKEN_AT, ended=(dead,)))
    poller = Poller(Options(address=SCHEDULER))
    poller._dask_reading = DaskReading(taken_at=TAKEN_AT, cluster=cluster(owner=owner(_0="4701")))
    with poller.dask_log.attempt(), poller.queue_log.attempt():
        pass
    assert [(found.code, found.job_id) for found in poller.snapshot().findings] == [("lost-job", "4701")]
