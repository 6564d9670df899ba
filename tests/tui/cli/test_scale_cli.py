"""``dasktop scale`` as a user runs it beside the notebook that owns the cluster, on the embedded SLURM."""

import functools
import json
import os
import subprocess

import pytest

from dasktop.collectors.embedded_slurm import EmbeddedSlurm
from dasktop.collectors.recording.reader import Recording
from dasktop.tui.cli import options
from dasktop.tui.cli import snapshot as headless
from tests.support.dask_processes import Scheduler
from tests.support.dasktop_program import Result, dasktop
from tests.support.forked_python import with_forked_python
from tests.support.notebook import CellError, Notebook
from tests.support.scaling_clusters import PROGRAM
from tests.support.terminal import Terminal
from tests.support.waiting import PATIENCE_SECONDS

# Settings of a site or a user, so that notebooks need only `SLURMCluster()`.
SETTINGS = """
jobqueue:
  slurm:
    cores: 2
    processes: 2
    memory: 2GB
    walltime: "00:30:00"
    interface: lo
"""


class Cluster:
    """A cluster of three jobs with two processes each, and `dasktop scale` for it."""

    def __init__(self, slurm, notebook) -> None:
        self.environment = slurm.environment | {"XDG_STATE_HOME": str(slurm.work)}
        self.notebook = notebook
        self.address = notebook.value("cluster.scheduler_address")

    def scale(self, *arguments: str) -> Result:
        """Run the command in this process."""
        return dasktop("scale", self.address, *arguments, **self.environment)

    def scale_by_program(self, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
        """Run the command in its own process."""
        return subprocess.run(
            with_forked_python([*PROGRAM, self.address, *arguments]),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dask")
    (folder / "jobqueue.yaml").write_text(SETTINGS)
    with (
        EmbeddedSlurm(nodes=4, cpus_per_node=4, memory_per_node_mb=8000) as slurm,
        Notebook(slurm.environment | {"DASK_CONFIG": str(folder)}, slurm.work) as notebook,
    ):
        notebook.run(
            "from dask_jobqueue import SLURMCluster\n"
            "from distributed import Client\n"
            "cluster = SLURMCluster()\n"
            "client = Client(cluster)\n"
            "cluster.scale(jobs=3)"
        )
        notebook.wait_until("len(cluster.scheduler.workers) == 6")
        yield Cluster(slurm, notebook)


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Use long timeouts, as `PROGRAM` does."""
    patient = functools.partial(
        options.Options, dask_timeout_seconds=PATIENCE_SECONDS, slurm_timeout_seconds=PATIENCE_SECONDS
    )
    monkeypatch.setattr(options, "Options", patient)
    monkeypatch.setattr(headless, "SLURM_TIMEOUT_SECONDS", PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], "--jobs, --cores, --memory"),
        (["--jobs", "1", "--cores", "4"], "one of --jobs"),
        (["--jobs", "-1"], "--jobs: '-1' is not a whole number from 0 to 999,999,999, such as 12"),
        (["--jobs", "x"], "--jobs: 'x' is not a whole number from 0"),
        (["--jobs", ""], "--jobs: a number is missing"),
        (["--cores", "1.5"], "--cores: '1.5' is not a whole number from 0"),
        (["--memory", "lots"], "'lots'"),
        (["--memory", "-1GB"], "'-1GB'"),
        (["--memory", "200", "--yes"], "--memory: '200' has no unit; write an amount such as 200GB or 64GiB"),
        (["--adapt", "5"], "'5' is not MIN:MAX"),
        (["--adapt", "5:2"], "--adapt: the minimum, 5, exceeds the maximum, 2"),
    ],
)
def test_wrong_usage_exits_with_2(cluster, arguments, names):
    result = cluster.scale(*arguments)
    assert result.returncode == 2
    assert names in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_dry_run_changes_nothing(cluster):
    text = cluster.scale("--jobs", "1", "--dry-run")
    assert (text.returncode, text.stderr) == (0, "")
    assert "release 2 jobs" in text.stdout
    assert cluster.notebook.value("len(cluster.scheduler.workers)") == 6


def test_the_snapshot_of_a_plan_is_recorded(cluster, tmp_path):
    path = tmp_path / "recorded.gz"
    assert cluster.scale("--jobs", "1", "--dry-run", "--record", str(path)).returncode == 0
    recording = Recording(str(path))
    assert [*recording.scan()][-1] == 1
    assert recording.snapshot(0).totals.workers == 6
    recording.close()


@pytest.mark.parametrize(
    ("option", "amount", "stock", "error", "reckoning"),
    [
        ("--cores", "7", "cores=7", "unreachable", "7 cores need 4 jobs of 2"),
        ("--memory", "7GB", "memory='7GB'", "must include a memory_limit", "7 GB need 4 jobs of 2 GB"),
    ],
)
def test_settings_from_yaml_alone_are_used(cluster, option, amount, stock, error, reckoning):
    """dask-jobqueue's own ``scale`` raises here."""
    with pytest.raises(CellError, match=error):
        cluster.notebook.run(f"cluster.scale({stock})")
    plan = json.loads(cluster.scale(option, amount, "--dry-run", "--json").stdout)
    assert (plan["submit"], plan["release"], plan["reckoning"]) == (1, [], reckoning)
    assert any(warning.startswith("rounded up to whole jobs: 8 ") for warning in plan["warnings"])


def test_stranded_results_refuse_the_plan(cluster, tmp_path):
    """Refused with --dry-run, before the question, and on execution."""
    cluster.notebook.run(
        "from distributed import wait\nfutures = client.map(lambda i: i, range(40), pure=False)\nwait(futures)"
    )
    why = "cannot be done: no worker remains to take the 40 results of the jobs to release"
    shown = cluster.scale("--jobs", "0", "--dry-run")
    assert (shown.returncode, shown.stdout.startswith(f"! {why}")) == (5, True)
    assert shown.stderr.startswith(f"dasktop: {why}")
    assert len(shown.stderr.splitlines()) == 1
    as_json = cluster.scale("--jobs", "0", "--dry-run", "--json")
    assert (as_json.returncode, json.loads(as_json.stdout)["refusal"][:17]) == (5, "no worker remains")
    with Terminal([*PROGRAM, cluster.address, "--jobs", "0"], tmp_path, cluster.environment) as terminal:
        assert terminal.wait_for_end() == 5
        assert "Apply this plan?" not in terminal.wait_for("nothing was changed")
    tried = cluster.scale("--jobs", "0", "--yes")
    assert tried.returncode == 5
    assert " would be lost: no other worker can take them; nothing was changed" in tried.stderr
    assert cluster.notebook.value("sum(client.gather(futures)) == sum(range(40))")
    assert cluster.notebook.value("len(cluster.scheduler.workers)") == 6
    cluster.notebook.run("del futures")


def test_read_only_refuses_to_scale(cluster):
    result = cluster.scale("--jobs", "1", "--yes", "--read-only")
    assert result.returncode == 5
    assert "--read-only" in result.stderr
    assert cluster.scale("--jobs", "1", "--read-only", "--dry-run").returncode == 0
    assert cluster.notebook.value("len(cluster.scheduler.workers)") == 6


def test_an_outdated_plan_is_shown_again(cluster, tmp_path):
    with Terminal([*PROGRAM, cluster.address, "--jobs", "5"], tmp_path, cluster.environment) as terminal:
        terminal.wait_for("5 jobs: submit 2 jobs")
        cluster.notebook.run("cluster.scale(jobs=4)")
        cluster.notebook.wait_until("len(cluster.scheduler.workers) == 8")
        terminal.press("y", "Enter")
        terminal.wait_for("the cluster has 4 jobs now, but had 3 when the plan was made; nothing was changed")
        terminal.wait_for("5 jobs: submit 1 job")
        terminal.press("n", "Enter")
        assert terminal.wait_for_end() == 5
        terminal.wait_for("cancelled; nothing was changed")
    assert cluster.notebook.value("len(cluster.scheduler.workers)") == 8
    assert cluster.scale("--jobs", "3", "--yes").returncode == 0
    cluster.notebook.wait_until("len(cluster.scheduler.workers) == 6")


def test_scaling_without_a_terminal_is_refused(cluster):
    result = cluster.scale("--jobs", "1")
    assert result.returncode == 5
    assert "--yes" in result.stderr
    assert cluster.notebook.value("len(cluster.scheduler.workers)") == 6


def test_an_unprintable_plan_changes_nothing(cluster):
    reader, writer = os.pipe()
    os.close(reader)
    refused = cluster.scale_by_program("--jobs", "1", "--yes", stdout=writer)
    only_shown = cluster.scale_by_program("--jobs", "1", "--dry-run", stdout=writer)
    os.close(writer)
    assert (refused.returncode, refused.stderr) == (5, "dasktop: the plan could not be printed; nothing was changed\n")
    assert (only_shown.returncode, only_shown.stderr) == (0, "")
    assert cluster.notebook.value("len(cluster.scheduler.workers)") == 6


def test_releasing_an_unknown_job_is_refused(cluster):
    result = cluster.scale("--release", "999", "--yes")
    assert result.returncode == 5
    assert "999" in result.stderr


def test_scaling_without_owner_and_jobs_is_refused(cluster):
    with Scheduler() as scheduler:
        result = dasktop("scale", scheduler.address, "--jobs", "2", "--yes", **cluster.environment)
    assert result.returncode == 5
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("keys", [("Enter",), ("C-c",)])  # "n" is tested above
def test_nothing_changes_without_confirmation(cluster, tmp_path, keys):
    with Terminal([*PROGRAM, cluster.address, "--jobs", "2"], tmp_path, cluster.environment) as terminal:
        terminal.wait_for("Apply this plan?")
        terminal.press(*keys)
        assert terminal.wait_for_end() == 5
        terminal.wait_for("cancelled; nothing was changed")
    assert cluster.notebook.value("len(cluster.scheduler.workers)") == 6


def test_scaling_from_another_process_loses_nothing(cluster):
    """``cluster.scale(jobs=1)`` would lose results; here, none is computed again."""
    cluster.notebook.run(
        "ran = []\n"
        "def once(i):\n"
        "    from distributed import get_worker\n"
        "    get_worker().log_event('ran', i)\n"
        "    return i\n"
        "futures = client.map(once, range(120), pure=False)\n"
        "from distributed import wait\n"
        "wait(futures)"
    )
    down = cluster.scale_by_program("--jobs", "1", "--yes")
    assert down.returncode == 0, down.stderr
    assert "released jobs" in down.stdout
    assert cluster.notebook.value("len(cluster.workers)") == 1
    assert cluster.notebook.value("sum(client.gather(futures)) == sum(range(120))")
    assert cluster.notebook.value("len(client.get_events('ran'))") == 120, "some were computed again"

    up = cluster.scale_by_program("--cores", "5", "--yes", "--json")
    assert up.returncode == 0, up.stderr
    _, outcome = map(json.loads, up.stdout.splitlines())
    assert len(outcome["submitted"]) == 2
    cluster.notebook.wait_until("len(cluster.scheduler.workers) == 6")
