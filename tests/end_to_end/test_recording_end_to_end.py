"""A recording of a busy cluster on the real SLURM: it can be replayed, and its report agrees with accounting."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Snapshot, from_json
from dasktop.collectors.recording.reader import Recording
from tests.support.dasktop_program import PATIENT, dasktop
from tests.support.forked_python import with_forked_python
from tests.support.notebook import Notebook
from tests.support.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.slurm

PROGRAM = PATIENT
SNAPSHOTS_A_PHASE = 15
WORK = """
import time
from distributed import Client
def work(n):
    began = time.thread_time()
    while time.thread_time() - began < 0.01:
        pass
    time.sleep(0.19)
    return bytes(n)
client = Client(cluster)
futures = client.map(work, range(2000))
"""


class Run(NamedTuple):
    """A recording, and the snapshots printed meanwhile."""

    recorded: Path
    printed: list[Snapshot]


@pytest.fixture(scope="module")
def run(real_slurm, tmp_path_factory) -> Run:
    """Record two busy jobs until accounting has both: one is cancelled, then the cluster releases the other."""
    folder, environment = tmp_path_factory.mktemp("run"), real_slurm.environment
    recorded, may_start = folder / "recorded.ndjson.gz", folder / "may-start"
    with Notebook(environment, folder) as notebook:
        notebook.run(
            "from dask_jobqueue import SLURMCluster\n"
            # Workers that are processes of the jobs: accounting measures them.
            "cluster = SLURMCluster(cores=2, processes=2, memory='1GB', walltime='00:10:00', interface='lo',"
            f" python={sys.executable!r}, job_script_prologue=['until [ -e {may_start} ]; do sleep 0.1; done'])"
        )
        address = notebook.value("cluster.scheduler_address")
        watch = ["snapshot", address, "--threads", "--watch", "1", "--slurm-interval", "5", "--record", str(recorded)]
        try:
            process = subprocess.Popen(
                with_forked_python([*PROGRAM, *watch]), env=environment, stdout=subprocess.PIPE, text=True
            )
            printed = read_until(process, lambda shown: shown.totals.workers == 0)
            notebook.run("cluster.scale(jobs=2)")
            printed += read_until(process, both_wait_for_workers)
            may_start.touch()
            printed += read_until(process, lambda shown: shown.totals.workers == 4)
            notebook.run(WORK)
            printed += read_some(process)
            real_slurm.run("scancel", printed[-1].jobs[0].job_id)
            printed += read_some(process)
            notebook.run("client.close(); cluster.scale(jobs=0)")
            printed += read_until(process, both_have_ended)
            process.send_signal(signal.SIGINT)  # a kill may lose the last line
            process.communicate(timeout=PATIENCE_SECONDS)  # reads the rest: it could block on a full pipe
        finally:
            notebook.run("cluster.close()")
            real_slurm.cancel_all()
    return Run(recorded, printed)


def both_wait_for_workers(shown: Snapshot) -> bool:
    """Return whether both jobs run; their workers have not started yet."""
    return [job.state for job in shown.jobs] == ["RUNNING", "RUNNING"]


def both_have_ended(shown: Snapshot) -> bool:
    """Return whether accounting has both jobs; SLURM may not report a job for a moment after its end."""
    return len(shown.jobs) == 2 and all(job.fate and job.fate.ended_at for job in shown.jobs)


def read_some(process: subprocess.Popen[str]) -> list[Snapshot]:
    assert process.stdout is not None
    return [from_json(process.stdout.readline()) for _ in range(SNAPSHOTS_A_PHASE)]


def read_until(process: subprocess.Popen[str], condition: Callable[[Snapshot], object]) -> list[Snapshot]:
    assert process.stdout is not None
    deadline, printed = time.monotonic() + PATIENCE_SECONDS, []
    while not printed or not condition(printed[-1]):
        assert time.monotonic() < deadline, printed[-1]
        printed.append(from_json(process.stdout.readline()))
    return printed


def read(path: Path) -> list[Snapshot]:
    recording = Recording(str(path))
    for _ in recording.scan():
        pass
    assert recording.remark is None
    return list(recording.snapshots())


def test_recording_replays_the_same_snapshots(run):
    replayed = read(run.recorded)
    assert replayed[: len(run.printed)] == run.printed
    threads = [thread for shown in run.printed for job in shown.jobs for w in workers_of(job) for thread in w.threads]
    assert threads, "threads are recorded"


def test_redacted_copy_has_no_names(run, tmp_path):
    redacted = tmp_path / "redacted.ndjson"
    written = dasktop("replay", str(run.recorded), "--record", str(redacted), "--redact")
    assert (written.returncode, written.stderr) == (0, "")
    text = redacted.read_text()
    names = {
        name for shown in run.printed for job in shown.jobs for name in (job.user, job.account, *job.nodes) if name
    }
    assert names
    for name in names:
        assert f'"{name}"' not in text
    assert [shown.totals for shown in read(redacted)] == [shown.totals for shown in read(run.recorded)]


def test_report_agrees_with_sacct(run, real_slurm):
    result = dasktop("report", str(run.recorded), "--json")
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    job_ids = [job["job_id"] for job in report["jobs"]]
    assert len(job_ids) == 2
    output = real_slurm.run("sacct", "-n", "-P", "-X", "-j", ",".join(job_ids), "--format=JobIDRaw,CPUTimeRAW")
    accounted = {job_id: int(seconds) / 3600 for job_id, seconds in (line.split("|") for line in output.splitlines())}
    assert min(accounted.values()) > 0
    for job in report["jobs"]:
        assert job["core_hours"]["granted"] == pytest.approx(accounted[job["job_id"]], rel=0.02)
    assert report["totals"]["core_hours"]["granted"] == pytest.approx(sum(accounted.values()), rel=0.02)
    for job in report["jobs"]:
        hours = job["core_hours"]
        assert 0 < hours["used"] < hours["granted"]
        assert hours["without_workers"] + (hours["waiting_for_first_worker"] or 0) > 0
        assert job["peaks"]["max_rss_bytes"] > 50_000_000
        assert job["used_core_hours_from"] == ["slurm"] or hours["unobserved"] < 0.1 * hours["granted"]
