"""Failures provoked on a real SLURM: dasktop reports each of them, and nothing else.

Most tests use one scenario: plain ``sbatch`` workers of one scheduler, each of which ends in another way, while a
sampler polls at its default intervals. Findings about waste are tested on the embedded SLURM with short thresholds.
"""

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from distributed import Client

from dasktop.collectors.model.snapshot import from_json
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.sources.slurm.failure_cause import LOST_SCHEDULER
from tests.contract.embedded import EmbeddedCommands
from tests.slurm.commands import SlurmCommands
from tests.support.dask_processes import Workers
from tests.support.dasktop_program import Result, dasktop, one_line
from tests.support.findings_scenario import FindingsLog, Scenario, run_scenario, sampled
from tests.support.forked_python import forked_python
from tests.support.notebook import Notebook
from tests.support.waiting import PATIENCE_SECONDS

AWAY_NODE = "n4"
# Waits for a file, so that dasktop sees the task run before SLURM kills the job.
USE_MEMORY = """(
    [__import__("time").sleep(0.1) for _ in iter(lambda: __import__("os").path.exists({!r}), True)],
    bytearray(900_000_000),
    __import__("time").sleep(600),
)"""
FILL_MEMORY = """(
    hog := bytearray({} - __import__("psutil").Process().memory_info().rss),
    __import__("time").sleep(600),
)"""
PAUSED_BYTES, NEAR_BYTES = 345_000_000, 490_000_000
"""86% of 400 MB, at which dask pauses a worker but does not kill it; and 93% of the 500 MiB of a job."""
FAKE_VERSION = 'import distributed.versions as it; it.version = lambda package: "2026.1.0"'
BARE = "--no-nanny --nthreads 1 --memory-limit 0"
HEALTHY = ("memory", "cancelled", "node", "silent", "orphan")
"""Jobs that run before anything is provoked."""


class Finished(NamedTuple):
    """A scenario that has ended."""

    scenario: Scenario
    healthy: Result
    """Of ``snapshot --fail-on`` before anything was provoked."""
    failing: Result
    """Of the same after most failures."""
    recorded: Path


@pytest.fixture(scope="module")
def finished(real_slurm: SlurmCommands, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("scenario")
    recorded = folder / "recorded.ndjson.gz"
    try:
        with run_scenario(real_slurm, recorded) as scenario:
            healthy, failing = provoke(scenario, folder)
    finally:  # not before: its job would run again, and fail without the scheduler
        real_slurm.attempt("scontrol", "update", f"nodename={AWAY_NODE}", "state=resume")
    return Finished(scenario, healthy, failing, recorded)


@pytest.fixture
def scenario(finished: Finished) -> Scenario:
    return finished.scenario


def provoke(scenario: Scenario, folder: Path) -> tuple[Result, Result]:
    slurm = scenario.slurm
    for name in ("memory", "cancelled", "silent", "orphan"):
        scenario.submit(name, f"--exclude={AWAY_NODE}")
    scenario.submit("node", f"--nodelist={AWAY_NODE}")
    scenario.wait_for(lambda: set(HEALTHY) <= scenario.workers().keys())
    healthy = scenario.run_snapshot("warning")
    scenario.submit("limit", f"--exclude={AWAY_NODE}", "--time=1")
    scenario.submit("never", "--partition=short", "--time=10")
    scenario.submit("python", "--hold", python="/no/such/python")
    scenario.wait_for(lambda: "limit" in scenario.workers())  # its minute runs out during the other failures
    workers = scenario.workers()
    with Client(scenario.scheduler.address) as client:
        busy = client.submit(time.sleep, 600, workers=["node"], allow_other_workers=False)
        scenario.wait_for(lambda: scenario.is_executing("node"))
        os.kill(workers["silent"].pid or 0, signal.SIGSTOP)
        slurm.run("scancel", scenario.job_ids["cancelled"])
        scenario.wait_for_finding("job-held", "python")
        slurm.run("scontrol", "release", scenario.job_ids["python"])
        slurm.run("scontrol", "update", f"nodename={AWAY_NODE}", "state=down", "reason=test")
        begin = folder / "go on"
        hog = client.submit(eval, USE_MEMORY.format(str(begin)), workers=["memory"], allow_other_workers=False)
        scenario.wait_for(lambda: scenario.is_executing("memory"))
        begin.touch()
        for code, name in (
            ("job-failed", "memory"),
            ("job-failed", "python"),
            ("job-requeued", "node"),
            ("worker-silent", "silent"),
            ("job-can-never-start", "never"),
            ("walltime-ending", "limit"),
            ("job-failed", "limit"),
            ("tasks-unrunnable", None),  # those that only a worker that has ended may run
        ):
            scenario.wait_for_finding(code, name)
        scenario.wait_for(lambda: scenario.has_ended("cancelled") and scenario.was_requeued("node"))
        for future in (busy, hog):
            future.release()
    failing = scenario.run_snapshot("error")
    os.kill(scenario.scheduler.pid, signal.SIGKILL)
    scenario.wait_for_finding("source-stale", None)
    scenario.wait_for_finding("job-failed", "orphan")
    slurm.run("scancel", scenario.job_ids["silent"], scenario.job_ids["never"])
    scenario.wait_for(lambda: all(scenario.has_ended(name) for name in scenario.job_ids if name != "node"))
    return healthy, failing


def test_memory_kill(scenario):
    finding = scenario.finding("job-failed", "memory")
    assert finding.severity == "error"
    assert "killed: ran out of memory" in finding.message
    assert "; lost worker memory (" in finding.message
    assert finding.message.endswith("1 task running)")
    fate = scenario.job("memory").fate
    assert fate.state == "OUT_OF_MEMORY"


def test_time_limit(scenario):
    ending = scenario.finding("walltime-ending", "limit")
    assert ending.message.endswith("ends in less than a minute with no tasks")
    finding = scenario.finding("job-failed", "limit")
    assert finding.severity == "warning"
    assert re.search(r"killed: reached its time limit of \d+ min; lost worker limit ", finding.message)


def test_cancelled_job_has_outcome_and_no_finding(scenario):
    fate = scenario.job("cancelled").fate
    assert (fate.state, fate.cancelled_by) == ("CANCELLED", scenario.job("cancelled").user)
    assert fate.explanation == f"cancelled by user {fate.cancelled_by}"


def test_job_of_down_node_is_requeued(scenario):
    finding = scenario.finding("job-requeued", "node")
    assert "was requeued at" in finding.message
    assert "(terminated: a node failed)" in finding.message
    assert finding.message.endswith("1 task running)")
    assert scenario.job("node").previous_fate.state == "NODE_FAIL"


def test_wrong_path_of_python(scenario):
    assert scenario.finding("job-held", "python").advice == f"release it: scontrol release {scenario.job_ids['python']}"
    finding = scenario.finding("job-failed", "python")
    assert "failed with exit code 127: /no/such/python: " in finding.message
    assert scenario.job("python").fate.cause.startswith("/no/such/python: ")


def test_stopped_worker_is_silent(scenario):
    finding = scenario.finding("worker-silent", "silent")
    assert (finding.worker, finding.severity) == ("silent", "warning")


def test_job_that_can_never_start(scenario):
    finding = scenario.finding("job-can-never-start", "never")
    assert finding.severity == "error"
    assert "PartitionTimeLimit" in finding.message


def test_killed_scheduler_is_stale(scenario):
    finding = scenario.finding("source-stale", None)
    assert finding.severity == "error"
    assert finding.message.startswith("the scheduler does not answer")


def test_worker_that_lost_its_scheduler(scenario):
    finding = scenario.finding("job-failed", "orphan")
    assert f"completed: {LOST_SCHEDULER}" in finding.message
    assert "; lost worker orphan" in finding.message


def test_nothing_else_is_reported(scenario):
    expected = {
        "job-failed": ("memory", "python", "orphan", "limit"),
        "walltime-ending": ("limit",),
        "job-requeued": ("node",),
        "job-held": ("python",),
        "worker-silent": ("silent",),
        "job-can-never-start": ("never",),
    }
    pairs = {(code, scenario.job_ids[name]) for code, names in expected.items() for name in names}
    expected_pairs = pairs | {("source-stale", None), ("tasks-unrunnable", None)}
    assert scenario.without_slowness(expected_pairs) == expected_pairs


def test_fail_on_passes_for_healthy_cluster(finished):
    assert (finished.healthy.returncode, finished.healthy.stderr) == (0, "")
    shown = from_json(finished.healthy.stdout)
    assert shown.findings == ()
    assert shown.totals.workers == len(HEALTHY)


def test_fail_on_fails_and_names_the_error(finished):
    assert finished.failing.returncode == 4
    shown = from_json(finished.failing.stdout)
    first, *others = [found for found in shown.findings if found.severity == "error"]
    # Jobs that ended earlier are reported as long as SLURM has their scripts, which name their cluster.
    assert {found.code for found in (first, *others)} <= {"job-can-never-start", "job-failed"}
    assert finished.scenario.job_ids["never"] in {found.job_id for found in (first, *others)}
    more = f" (and {len(others)} more)" if others else ""
    assert one_line(finished.failing.stderr) == f"dasktop: error: {first.message}{more}"


def test_recording_replays_the_same_snapshots(finished):
    recording = Recording(str(finished.recorded))
    for _ in recording.scan():
        pass
    assert list(recording.snapshots()) == finished.scenario.snapshots
    assert recording.remark is None
    assert {(mark.code, mark.at) for mark in recording.marks} >= {
        (code, first) for (code, _), (first, _) in finished.scenario.findings.items()
    }
    recording.close()


def test_report_agrees_with_accounting(finished, real_slurm):
    result = dasktop("report", str(finished.recorded), "--json")
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    reported = {job["job_id"]: job["core_hours"]["granted"] for job in report["jobs"]}
    assert set(reported) == set(finished.scenario.job_ids.values())
    # -D: all runs of a job, also the one on the node that failed.
    command = ("sacct", "-n", "-P", "-X", "-D", "-j", ",".join(reported), "--format=JobIDRaw,CPUTimeRAW")
    accounted = dict.fromkeys(reported, 0.0)
    for line in real_slurm.run(*command).splitlines():
        job_id, seconds = line.split("|")
        accounted[job_id] += int(seconds) / 3600
    assert all(accounted[finished.scenario.job_ids[name]] > 0 for name in (*HEALTHY, "limit"))
    assert reported == pytest.approx(accounted, rel=0.02)
    assert report["totals"]["core_hours"]["granted"] == pytest.approx(sum(accounted.values()), rel=0.02)


WASTEFUL = {
    "job-without-workers": "empty",
    "job-missing-workers": "missing",
    "memory-overcommitted": "greedy",
    "threads-oversubscribed": "crowded",
    "threads-undersubscribed": "lonely",
    "idle-allocation": "lonely",
    "worker-restarting": "restarting",
    "worker-paused": "full",
    "memory-near-limit": "near",
    "job-pending-long": "waiting",
}


def test_wasteful_jobs_are_reported():
    """The thresholds are short, so that the test is."""
    thresholds = {
        "worker_start_seconds": 3.0,
        "worker_missing_seconds": 2.0,
        "worker_paused_seconds": 1.0,
        "memory_near_limit_seconds": 1.0,
        "idle_seconds": 3.0,
        "pending_long_seconds": 1.0,
    }
    with (
        EmbeddedCommands(kill_wait_seconds=2.0) as slurm,
        run_scenario(slurm, python=forked_python(), **thresholds) as scenario,
    ):
        address = scenario.scheduler.address
        nanny = "--nthreads 1 --memory-limit 400MB"
        scenario.job_ids["empty"] = slurm.submit(f"sleep 600 || dask worker {address} --name empty")
        scenario.submit("missing", worker=f"{BARE} & sleep 600; dask worker {address} --name absent #")
        scenario.submit("greedy", worker=f"{BARE} --memory-limit 2GB")
        scenario.submit("crowded", worker=f"{BARE} --nthreads 4")
        scenario.submit("lonely", "--cpus-per-task=4")
        scenario.submit("restarting", worker=nanny)
        scenario.submit("full", worker=nanny)
        scenario.submit("near", worker=BARE)
        scenario.submit("older", worker=f"{BARE} --preload '{FAKE_VERSION}'")
        scenario.submit("waiting", "--nodes=4", "--ntasks=64")
        with Workers(address, "--no-nanny", "--name", "by-hand"), Client(address) as client:
            scenario.wait_for(
                lambda: (
                    {"greedy", "crowded", "lonely", "restarting", "full", "near"} <= scenario.workers().keys()
                    and scenario.pid("restarting") is not None
                )
            )
            fillings = [
                client.submit(eval, FILL_MEMORY.format(size), workers=[name], allow_other_workers=False)
                for name, size in (("full", PAUSED_BYTES), ("near", NEAR_BYTES))
            ]
            for _ in range(2):
                pid = scenario.pid("restarting")
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                scenario.wait_for(lambda pid=pid: scenario.pid("restarting") not in (None, pid))
            for code, name in WASTEFUL.items():
                scenario.wait_for_finding(code, name)
            scenario.wait_for_finding("worker-outside-slurm", None)
            scenario.wait_for_finding("version-mismatch", None)
            for filling in fillings:
                filling.release()


# Jobs that start so slowly that polls see them.
ADAPTIVE = """
import sys, time
from dask_jobqueue import SLURMCluster
from distributed import Client
cluster = SLURMCluster(
    cores=1, processes=1, memory="500MB", interface="lo", walltime="00:10:00", nanny=False,
    python=sys.executable,
)
client = Client(cluster)
cluster.adapt(minimum=0, maximum=1, interval="200ms", wait_count=1)
"""


def test_adaptive_thrashing_is_reported(tmp_path):
    with EmbeddedCommands(kill_wait_seconds=2.0) as slurm, Notebook(slurm.environment, tmp_path) as notebook:
        notebook.run(ADAPTIVE)
        log, expected = FindingsLog(), {("adaptive-thrashing", None)}
        with sampled(notebook.value("cluster.scheduler_address"), slurm, log):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not log.findings.keys() & expected:  # a job that comes and goes between two polls is not seen
                assert time.monotonic() < deadline
                notebook.run("client.submit(time.sleep, 0, pure=False).result()")
                notebook.wait_until("not cluster.scheduler.workers")
    assert log.without_slowness(expected) == expected
