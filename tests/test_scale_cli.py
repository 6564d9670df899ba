"""``dasktop scale`` as a user runs it beside the notebook that holds the cluster, on the embedded SLURM."""

import json
import subprocess
import sys

import pytest

from dasktop.collectors.embedded_slurm import EmbeddedSlurm
from tests.dask_processes import Scheduler
from tests.notebook import Notebook
from tests.terminal import Terminal

PROGRAM = [sys.executable, "-m", "dasktop.tui", "scale"]


class Cluster:
    """Three jobs of two processes, and the program beside them."""

    def __init__(self, slurm, notebook) -> None:
        self.environment = slurm.environment | {"XDG_STATE_HOME": str(slurm.work)}
        self.notebook = notebook
        self.address = notebook.value("cluster.scheduler_address")

    def scale(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, self.address, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def cluster():
    with (
        EmbeddedSlurm(nodes=4, cpus_per_node=4, memory_per_node_mb=8000) as slurm,
        Notebook(slurm.environment, slurm.work) as notebook,
    ):
        notebook.run(
            "from dask_jobqueue import SLURMCluster\n"
            "from distributed import Client\n"
            "cluster = SLURMCluster(cores=2, processes=2, memory='2GB', walltime='00:30:00', interface='lo')\n"
            "client = Client(cluster)\n"
            "cluster.scale(jobs=3)"
        )
        notebook.wait_until("len(cluster.scheduler.workers) == 6")
        yield Cluster(slurm, notebook)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], "--jobs, --cores, --memory"),
        (["--jobs", "1", "--cores", "4"], "one of --jobs"),
        (["--jobs", "-1"], "--jobs"),
        (["--memory", "lots"], "'lots'"),
        (["--memory", "-1GB"], "'-1GB'"),
        (["--adapt", "5"], "'5' is not MIN:MAX"),
        (["--adapt", "5:2"], "'5:2' is not MIN:MAX"),
    ],
)
def test_wrong_usage(cluster, arguments, names):
    result = cluster.scale(*arguments)
    assert result.returncode == 2
    assert names in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_dry_run_changes_nothing(cluster):
    text = cluster.scale("--jobs", "1", "--dry-run")
    assert (text.returncode, text.stderr) == (0, "")
    assert "give back 2 jobs" in text.stdout
    plan = json.loads(cluster.scale("--cores", "7", "--dry-run", "--json").stdout)
    assert (plan["submit"], plan["release"], plan["reckoning"]) == (1, [], "7 cores take 4 jobs of 2")
    assert cluster.notebook.value("len(cluster.scheduler.workers)") == 6


def test_nobody_to_ask(cluster):
    result = cluster.scale("--jobs", "1")
    assert result.returncode == 5
    assert "--yes" in result.stderr
    assert cluster.notebook.value("len(cluster.scheduler.workers)") == 6


def test_a_job_that_is_not_there(cluster):
    result = cluster.scale("--release", "999", "--yes")
    assert result.returncode == 5
    assert "999" in result.stderr


def test_no_owner_and_no_jobs(cluster):
    with Scheduler() as scheduler:
        result = subprocess.run(
            [*PROGRAM, scheduler.address, "--jobs", "2", "--yes"],
            env=cluster.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 5
    assert len(result.stderr.splitlines()) == 1


def test_asked_on_a_terminal_and_not_agreed_to(cluster, tmp_path):
    with Terminal([*PROGRAM, cluster.address, "--jobs", "2"], tmp_path, cluster.environment) as terminal:
        terminal.wait_for("Do it?")
        terminal.press("n", "Enter")
        assert terminal.wait_for_end() == 5
        assert "not carried out" in terminal.screen()
    assert cluster.notebook.value("len(cluster.scheduler.workers)") == 6


def test_down_and_up_from_another_process_loses_nothing(cluster):
    """What the stock ``cluster.scale(jobs=1)`` throws away, this moves: no result is computed again."""
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
    down = cluster.scale("--jobs", "1", "--yes")
    assert down.returncode == 0, down.stderr
    assert "gave back jobs" in down.stdout
    assert cluster.notebook.value("len(cluster.workers)") == 1
    assert cluster.notebook.value("sum(client.gather(futures)) == sum(range(120))")
    assert cluster.notebook.value("len(client.get_events('ran'))") == 120, "some were computed again"

    up = cluster.scale("--cores", "5", "--yes", "--json")
    assert up.returncode == 0, up.stderr
    _, outcome = map(json.loads, up.stdout.splitlines())
    assert len(outcome["submitted"]) == 2
    cluster.notebook.wait_until("len(cluster.scheduler.workers) == 6")
