"""What goes wrong on a real SLURM, provoked for real, and what dasktop says of it: all of that, soon, and nothing else.

One story serves most tests: plain ``sbatch`` workers of one scheduler, each with a fate of its own, while a sampler at
its usual pace looks on. What is wasteful takes less patience on the embedded SLURM.
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
from tests.support.dasktop_program import Ended as CommandEnded
from tests.support.dasktop_program import dasktop, one_line
from tests.support.findings_story import Story, Told, looked_at, watched
from tests.support.notebook import Notebook
from tests.support.waiting import PATIENCE_SECONDS

AWAY_NODE = "n4"
# Not at once, but when there is a file, so that it is seen to run before SLURM kills it.
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
"""86 per cent of 400 MB, where dask pauses a worker and does not kill it yet; and 93 of a job's 500 MiB."""
SAY_ANOTHER_VERSION = 'import distributed.versions as it; it.version = lambda package: "2026.1.0"'
BARE = "--no-nanny --nthreads 1 --memory-limit 0"
HEALTHY = ("memory", "cancelled", "node", "silent", "orphan")
"""At first."""


class Ended(NamedTuple):
    """A story that is over."""

    story: Story
    healthy: CommandEnded
    """What one look with ``--fail-on`` came to before anything was wrong."""
    ill: CommandEnded
    """And when much was."""
    recorded: Path


@pytest.fixture(scope="module")
def told(real_slurm: SlurmCommands, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("story")
    recorded = folder / "recorded.ndjson.gz"
    with watched(real_slurm, recorded) as story:
        try:
            healthy, ill = tell(story, folder)
        finally:
            real_slurm.attempt("scontrol", "update", f"nodename={AWAY_NODE}", "state=resume")
    return Ended(story, healthy, ill, recorded)


@pytest.fixture
def story(told: Ended) -> Story:
    return told.story


def tell(story: Story, folder: Path) -> tuple[CommandEnded, CommandEnded]:
    slurm = story.slurm
    for name in ("memory", "cancelled", "silent", "orphan"):
        story.submit(name, f"--exclude={AWAY_NODE}")
    story.submit("node", f"--nodelist={AWAY_NODE}")
    story.wait_for(lambda: set(HEALTHY) <= story.workers().keys())
    healthy = story.one_look("warning")
    story.submit("limit", f"--exclude={AWAY_NODE}", "--time=1")
    story.submit("never", "--partition=short", "--time=10")
    story.submit("python", "--hold", python="/no/such/python")
    story.wait_for(lambda: "limit" in story.workers())  # its minute runs out while the rest is told
    workers = story.workers()
    with Client(story.scheduler.address) as client:
        busy = client.submit(time.sleep, 600, workers=["node"], allow_other_workers=False)
        story.wait_for(lambda: story.executes("node"))
        os.kill(workers["silent"].pid or 0, signal.SIGSTOP)
        slurm.run("scancel", story.job_ids["cancelled"])
        story.wait_for_finding("job-held", "python")
        slurm.run("scontrol", "release", story.job_ids["python"])
        slurm.run("scontrol", "update", f"nodename={AWAY_NODE}", "state=down", "reason=test")
        go_on = folder / "go on"
        hog = client.submit(eval, USE_MEMORY.format(str(go_on)), workers=["memory"], allow_other_workers=False)
        story.wait_for(lambda: story.executes("memory"))
        go_on.touch()
        for code, name in (
            ("job-failed", "memory"),
            ("job-failed", "python"),
            ("job-requeued", "node"),
            ("worker-silent", "silent"),
            ("job-can-never-start", "never"),
            ("walltime-ending", "limit"),
            ("job-failed", "limit"),
        ):
            story.wait_for_finding(code, name)
        story.wait_for(lambda: story.has_ended("cancelled") and story.was_put_back("node"))
        for future in (busy, hog):
            future.release()
    ill = story.one_look("error")
    os.kill(story.scheduler.pid, signal.SIGKILL)
    story.wait_for_finding("source-stale", None)
    story.wait_for_finding("job-failed", "orphan")
    slurm.run("scancel", story.job_ids["silent"], story.job_ids["never"])
    story.wait_for(lambda: all(story.has_ended(name) for name in story.job_ids if name != "node"))
    return healthy, ill


def test_a_memory_kill(story):
    finding = story.finding("job-failed", "memory")
    assert finding.severity == "error"
    assert "killed: ran out of memory" in finding.message
    assert "; lost worker memory (" in finding.message
    assert finding.message.endswith("1 task running)")
    fate = story.job("memory").fate
    assert fate.state == "OUT_OF_MEMORY"


def test_a_time_limit(story):
    ending = story.finding("walltime-ending", "limit")
    assert ending.message.endswith("ends in less than a minute with no tasks")
    finding = story.finding("job-failed", "limit")
    assert finding.severity == "warning"
    assert re.search(r"killed: reached its time limit of \d+ min; lost worker limit ", finding.message)


def test_a_cancelled_job_has_its_fate_and_no_finding(story):
    fate = story.job("cancelled").fate
    assert (fate.state, fate.cancelled_by) == ("CANCELLED", story.job("cancelled").user)
    assert fate.explanation == f"cancelled by user {fate.cancelled_by}"


def test_a_node_set_down(story):
    finding = story.finding("job-requeued", "node")
    assert "was requeued at" in finding.message
    assert "(terminated: a node failed)" in finding.message
    assert finding.message.endswith("1 task running)")
    assert story.job("node").previous_fate.state == "NODE_FAIL"


def test_a_wrong_python(story):
    assert story.finding("job-held", "python").advice == f"release it: scontrol release {story.job_ids['python']}"
    finding = story.finding("job-failed", "python")
    assert "failed with exit code 127: /no/such/python: " in finding.message
    assert story.job("python").fate.cause.startswith("/no/such/python: ")


def test_a_worker_that_is_stopped(story):
    finding = story.finding("worker-silent", "silent")
    assert (finding.worker, finding.severity) == ("silent", "warning")


def test_a_job_that_can_never_start(story):
    finding = story.finding("job-can-never-start", "never")
    assert finding.severity == "error"
    assert "PartitionTimeLimit" in finding.message


def test_a_scheduler_that_is_killed(story):
    finding = story.finding("source-stale", None)
    assert finding.severity == "error"
    assert finding.message.startswith("the scheduler does not answer")


def test_a_worker_that_lost_its_scheduler(story):
    finding = story.finding("job-failed", "orphan")
    assert f"completed: {LOST_SCHEDULER}" in finding.message
    assert "; lost worker orphan" in finding.message


def test_nothing_else_is_told(story):
    expected = {
        "job-failed": ("memory", "python", "orphan", "limit"),
        "walltime-ending": ("limit",),
        "job-requeued": ("node",),
        "job-held": ("python",),
        "worker-silent": ("silent",),
        "job-can-never-start": ("never",),
    }
    pairs = {(code, story.job_ids[name]) for code, names in expected.items() for name in names}
    expected_pairs = pairs | {("source-stale", None)}
    assert story.told_but_for_slowness(expected_pairs) == expected_pairs


def test_fail_on_a_healthy_cluster(told):
    assert (told.healthy.returncode, told.healthy.stderr) == (0, "")
    shown = from_json(told.healthy.stdout)
    assert shown.findings == ()
    assert shown.totals.workers == len(HEALTHY)


def test_fail_on_one_that_is_not(told):
    assert told.ill.returncode == 4
    shown = from_json(told.ill.stdout)
    first, *others = [found for found in shown.findings if found.severity == "error"]
    # How others ended before is told as long as SLURM keeps their scripts, which show whose they were.
    assert {found.code for found in (first, *others)} <= {"job-can-never-start", "job-failed"}
    assert told.story.job_ids["never"] in {found.job_id for found in (first, *others)}
    more = f" (and {len(others)} more)" if others else ""
    assert one_line(told.ill.stderr) == f"dasktop: error: {first.message}{more}"


def test_a_recording_of_it_replays_to_the_same_snapshots(told):
    recording = Recording(str(told.recorded))
    for _ in recording.scan():
        pass
    assert list(recording.snapshots()) == told.story.shown
    assert recording.remark is None
    assert {(mark.code, mark.at) for mark in recording.marks} >= {
        (code, first) for (code, _), (first, _) in told.story.told.items()
    }
    recording.close()


def test_a_report_of_it_agrees_with_accounting(told, real_slurm):
    result = dasktop("report", str(told.recorded), "--json")
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    reported = {job["job_id"]: job["core_hours"]["granted"] for job in report["jobs"]}
    assert set(reported) == set(told.story.job_ids.values())
    # All runs: the one of the node that failed, too.
    command = ("sacct", "-n", "-P", "-X", "-D", "-j", ",".join(reported), "--format=JobIDRaw,CPUTimeRAW")
    accounted = dict.fromkeys(reported, 0.0)
    for line in real_slurm.run(*command).splitlines():
        job_id, seconds = line.split("|")
        accounted[job_id] += int(seconds) / 3600
    assert all(accounted[told.story.job_ids[name]] > 0 for name in (*HEALTHY, "limit"))
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


def test_what_is_wasteful():
    """With less patience than usual, as a test has little itself."""
    impatient = {
        "worker_start_seconds": 3.0,
        "worker_missing_seconds": 2.0,
        "worker_paused_seconds": 1.0,
        "memory_near_limit_seconds": 1.0,
        "idle_seconds": 3.0,
        "pending_long_seconds": 1.0,
    }
    with EmbeddedCommands(kill_wait_seconds=2.0) as slurm, watched(slurm, **impatient) as story:
        address = story.scheduler.address
        nanny = "--nthreads 1 --memory-limit 400MB"
        story.job_ids["empty"] = slurm.submit(f"sleep 600 || dask worker {address} --name empty")
        story.submit("missing", worker=f"{BARE} & sleep 600; dask worker {address} --name absent #")
        story.submit("greedy", worker=f"{BARE} --memory-limit 2GB")
        story.submit("crowded", worker=f"{BARE} --nthreads 4")
        story.submit("lonely", "--cpus-per-task=4")
        story.submit("restarting", worker=nanny)
        story.submit("full", worker=nanny)
        story.submit("near", worker=BARE)
        story.submit("older", worker=f"{BARE} --preload '{SAY_ANOTHER_VERSION}'")
        story.submit("waiting", "--nodes=4", "--ntasks=64")
        with Workers(address, "--no-nanny", "--name", "by-hand"), Client(address) as client:
            story.wait_for(
                lambda: (
                    {"greedy", "crowded", "lonely", "restarting", "full", "near"} <= story.workers().keys()
                    and story.pid("restarting") is not None
                )
            )
            fillings = [
                client.submit(eval, FILL_MEMORY.format(size), workers=[name], allow_other_workers=False)
                for name, size in (("full", PAUSED_BYTES), ("near", NEAR_BYTES))
            ]
            for _ in range(2):
                pid = story.pid("restarting")
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                story.wait_for(lambda pid=pid: story.pid("restarting") not in (None, pid))
            for code, name in WASTEFUL.items():
                story.wait_for_finding(code, name)
            story.wait_for_finding("worker-outside-slurm", None)
            story.wait_for_finding("version-mismatch", None)
            for filling in fillings:
                filling.release()


ADAPTIVE = """
import time
from dask_jobqueue import SLURMCluster
from distributed import Client
cluster = SLURMCluster(
    cores=1, processes=1, memory="500MB", interface="lo", walltime="00:10:00", nanny=False
)
client = Client(cluster)
cluster.adapt(minimum=0, maximum=1, interval="200ms", wait_count=1)
"""


def test_adaptive_scaling_up_and_down_in_turn(tmp_path):
    with EmbeddedCommands(kill_wait_seconds=2.0) as slurm, Notebook(slurm.environment, tmp_path) as notebook:
        notebook.run(ADAPTIVE)
        told, expected = Told(), {("adaptive-thrashing", None)}
        with looked_at(notebook.value("cluster.scheduler_address"), slurm, told):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not told.told.keys() & expected:  # of jobs that come and go between two polls nobody sees all
                assert time.monotonic() < deadline
                notebook.run("client.submit(time.sleep, 0, pure=False).result()")
                notebook.wait_until("not cluster.scheduler.workers")
    assert told.told_but_for_slowness(expected) == expected
