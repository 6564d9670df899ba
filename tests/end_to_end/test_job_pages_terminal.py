"""The anatomy and the script of a job of a real cluster, in a real terminal."""

from collections.abc import Iterator

import pytest

from tests.contract.embedded import EmbeddedCommands
from tests.slurm.commands import SlurmCommands
from tests.support.dasktop_program import PATIENT
from tests.support.notebook import Notebook
from tests.support.scaling_clusters import ANY_SLURM, DASHBOARD, IMPORTS
from tests.support.terminal import Terminal


@pytest.fixture(params=ANY_SLURM)
def slurm(request: pytest.FixtureRequest) -> Iterator[SlurmCommands]:
    if request.param == "real":
        real_slurm = request.getfixturevalue("real_slurm")
        yield real_slurm
        real_slurm.cancel_all()
        return
    with EmbeddedCommands(nodes=1, cpus_per_node=16, memory_per_node_mb=64_000, kill_wait_seconds=5) as embedded:
        yield embedded


def test_anatomy_and_script_of_a_job(slurm, tmp_path):
    with Notebook(slurm.environment, tmp_path) as notebook:
        notebook.run(
            f"{IMPORTS}\n"
            "cluster = SLURMCluster(cores=5, processes=2, memory='1GB', walltime='00:10:30', interface='lo', "
            f"{DASHBOARD})\n"
            "cluster.scale(jobs=1)"
        )
        notebook.wait_until("len(cluster.scheduler.workers) == 2")
        job_id = notebook.value("next(iter(cluster.workers.values())).job_id")
        address = notebook.value("cluster.scheduler_address")
        with Terminal([*PATIENT, address], tmp_path, slurm.environment, 120, 30) as terminal:
            terminal.wait_for(lambda screen: "1 job · 2 workers" in screen and "outside SLURM" not in screen)
            terminal.press("g", "A")  # the first row is the job
            parts = (
                f"anatomy of job {job_id}",
                'SLURMCluster(cores=5, memory="1GB", processes=2)',
                "--memory-limit 476.84MiB",
                "2 × 2 = 4 threads",
                "1 GB = 953.67 MiB, rounded up to 954 MiB",
                "5 CPUs ÷ 2 processes leaves 1 CPU without a thread",
                "SLURM rounds up to whole minutes",
            )
            # Seven check marks for its parts, and each mark once in the legend.
            terminal.wait_for(
                lambda screen: (
                    all(part in screen for part in parts) and (screen.count("✓"), screen.count("✗")) == (8, 1)
                )
            )
            terminal.press("J")
            terminal.wait_for("#SBATCH --mem=954M")
            terminal.press("/", "n", "t", "h", "Enter", "q")  # in one burst, as over a slow connection
            terminal.wait_for(f"anatomy of job {job_id}")
            terminal.press("q")
            terminal.wait_for("LEFT")
