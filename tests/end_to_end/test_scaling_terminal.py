"""All scaling operations by key, in a real terminal, on a cluster in another process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.embedded import EmbeddedCommands
from tests.slurm.commands import SlurmCommands
from tests.support.dasktop_program import PATIENT
from tests.support.notebook import Notebook
from tests.support.scaling_clusters import ANY_SLURM, DASHBOARD, IMPORTS
from tests.support.terminal import Terminal

BOX = "y apply   n cancel"
FORM = "enter apply"


@pytest.fixture(params=ANY_SLURM)
def slurm(request: pytest.FixtureRequest) -> Iterator[SlurmCommands]:
    if request.param == "real":
        real_slurm = request.getfixturevalue("real_slurm")
        yield real_slurm
        real_slurm.cancel_all()
        return
    with EmbeddedCommands(nodes=4, cpus_per_node=16, memory_per_node_mb=64_000, kill_wait_seconds=5) as embedded:
        yield embedded


@pytest.fixture
def notebook(slurm: SlurmCommands, tmp_path: Path) -> Iterator[Notebook]:
    with Notebook(slurm.environment, tmp_path) as notebook:
        notebook.run(IMPORTS)
        yield notebook


def make_cluster(notebook: Notebook, jobs: int, settings: str) -> None:
    notebook.run(
        f"cluster = SLURMCluster({settings}, walltime='00:30:00', interface='lo', {DASHBOARD}); "
        f"cluster.scale(jobs={jobs})"
    )


@pytest.mark.parametrize(
    ("slurm", "size"),
    [
        pytest.param("embedded", (80, 24)),
        pytest.param("real", (120, 40), marks=pytest.mark.slurm),
    ],
    indirect=["slurm"],
)
def test_all_scaling_operations_by_key(slurm, notebook, tmp_path, size):
    make_cluster(notebook, 1, "cores=12, processes=1, nanny=False, memory='50GB'")
    address = notebook.value("cluster.scheduler_address")
    environment = slurm.environment | {"XDG_STATE_HOME": str(tmp_path)}

    def jobs(number: int) -> None:
        notebook.wait_until(f"len(cluster.scheduler.workers) == len(cluster.worker_spec) == {number}")

    jobs(1)
    with Terminal([*PATIENT, address], tmp_path, environment, *size) as terminal:
        terminal.wait_for("1 job · 1 worker")
        terminal.press("+")
        terminal.wait_for("submitted job")
        jobs(2)

        terminal.wait_for("2 jobs · 2 workers")
        terminal.press("s")
        terminal.wait_for(FORM)
        terminal.press("Tab", "4", "8")  # cores
        terminal.wait_for("48 cores = 4 jobs of 12")
        terminal.press("Enter")
        terminal.wait_for("submitted jobs")
        jobs(4)

        terminal.wait_for("4 jobs · 4 workers")
        chosen = notebook.value("cluster.workers['SLURMCluster-0'].job_id")
        terminal.press("g", "x")
        terminal.wait_for(lambda screen: BOX in screen and f"release {chosen}: release 1 job" in screen)
        terminal.press("y")
        terminal.wait_for(f"released job {chosen}")
        jobs(3)
        assert chosen not in slurm.queued()

        terminal.wait_for("3 jobs · 3 workers")
        terminal.press("s")
        terminal.wait_for(FORM)
        terminal.press("Tab", "Tab", "2", "0", "0", "G", "B")
        terminal.wait_for("200 GB = 4 jobs of 50 GB")
        terminal.press("Enter")
        terminal.wait_for("submitted job ")
        jobs(4)

        terminal.wait_for("4 jobs · 4 workers")
        terminal.press("s")
        terminal.wait_for(FORM)
        terminal.press("2")  # jobs
        terminal.wait_for("2 jobs: release 2 jobs")
        terminal.press("Enter")
        terminal.wait_for(BOX)
        terminal.press("y")
        terminal.wait_for("released jobs")
        jobs(2)

        terminal.wait_for("2 jobs · 2 workers")
        terminal.press("-")
        terminal.wait_for(BOX)
        terminal.press("y")
        terminal.wait_for("released job ")
        jobs(1)

        terminal.wait_for("1 job · 1 worker")
        terminal.press("a")
        terminal.wait_for("minimum")
        terminal.press("1", "Tab", "3")
        terminal.wait_for("adapt, 1 to 3 jobs")
        terminal.press("Enter")
        terminal.wait_for("adaptive scaling is on (1 to 3 jobs)")
        assert notebook.value("(cluster._adaptive.minimum, cluster._adaptive.maximum)") == [1, 3]
        terminal.press("a")
        terminal.wait_for("o turn off")
        terminal.press("o")
        terminal.wait_for(BOX)
        terminal.press("y")
        terminal.wait_for("adaptive scaling is off")
        assert notebook.value("cluster._adaptive.periodic_callback is None")

        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert len(slurm.queued()) == 1


def test_lost_job_is_shown_and_replaced(slurm, notebook, tmp_path):
    make_cluster(notebook, 2, "cores=4, processes=4, memory='2GB'")
    notebook.wait_until("len(cluster.scheduler.workers) == 8")
    environment = slurm.environment | {"XDG_STATE_HOME": str(tmp_path)}
    lost, kept = notebook.value("[cluster.workers[f'SLURMCluster-{n}'].job_id for n in (0, 1)]")
    command = [*PATIENT, notebook.value("cluster.scheduler_address")]
    with Terminal(command, tmp_path, environment, 80, 24) as terminal:
        terminal.wait_for("2 jobs · 8 workers")
        slurm.run("scancel", lost)
        terminal.wait_for(lambda screen: f"job {lost} is lost" in screen and "L replaces it" in screen)
        terminal.press("L")
        terminal.wait_for("submitted job")
        notebook.wait_until("len(cluster.scheduler.workers) == 8")
        terminal.wait_for(lambda screen: "2 jobs · 8 workers" in screen and "is lost" not in screen)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert kept in slurm.queued()
    assert len(slurm.queued()) == 2
