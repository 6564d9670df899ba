"""Job scripts on a real SLURM: the number of tasks, a cluster with TLS, and scripts that sbatch rejects."""

import asyncio
import subprocess
import time
from pathlib import Path

import pytest
from dask_jobqueue import SLURMCluster
from distributed import Security

from dasktop.collectors.model.options import Options
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.sources.slurm.collector import SlurmCollector
from dasktop.tui.cli.snapshot import take_snapshot_and_address
from tests.support.waiting import PATIENCE_SECONDS, wait_until

BY_RANK = """srun -n 3 bash -c '
if [ $SLURM_PROCID = 0 ]; then dask scheduler --scheduler-file s.json; else dask worker --scheduler-file s.json; fi'
"""
BY_TASKS = """#SBATCH -n 4
cd $SLURM_SUBMIT_DIR
srun dask worker --scheduler-file s-${SLURM_JOB_ID}.json
"""


@pytest.fixture
async def collector(real_slurm):
    slurm_collector = SlurmCollector(environment=real_slurm.environment, interval_seconds=0.5)
    yield slurm_collector
    slurm_collector.close()
    await asyncio.to_thread(real_slurm.cancel_all)


async def test_number_of_tasks_is_that_of_slurm(real_slurm, collector):
    """``sbatch -n 2`` overrides ``#SBATCH -n 4``; for a script that branches the number is unknown."""
    by_tasks = real_slurm.submit(BY_TASKS, "-n", "2", "--hold")
    by_rank = real_slurm.submit(BY_RANK, "-n", "3", "--hold")
    await collector.read_queue()
    scripts = {script.job_id: script for script in await collector.read_scripts()}
    folder = scripts[by_rank].scheduler_files[0].removesuffix("/s.json")
    assert scripts[by_rank].workers_expected is None
    assert scripts[by_tasks].workers_expected == 2
    assert scripts[by_tasks].scheduler_files == (f"{folder}/s-{by_tasks}.json",)


def temporary_security(tmp_path: Path) -> Security:
    """Return the same as ``Security.temporary()``, with openssl instead of cryptography: texts, no files."""
    files = (tmp_path / "made.key", tmp_path / "made.crt")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=dask"]
    subprocess.run([*command, "-keyout", str(files[0]), "-out", str(files[1])], check=True, capture_output=True)
    key, certificate = (file.read_text() for file in files)
    for file in files:
        file.unlink()
    return Security(
        require_encryption=True,
        tls_ca_file=certificate,
        tls_client_key=key,
        tls_client_cert=certificate,
        tls_scheduler_key=key,
        tls_scheduler_cert=certificate,
        tls_worker_key=key,
        tls_worker_cert=certificate,
    )


async def test_cluster_with_tls_is_found_and_read(real_slurm, tmp_path, monkeypatch):
    """dask-jobqueue writes the certificates to files, and the scripts of its jobs name these files."""
    # Only the job script names the scheduler; processes of other tests on this machine must not be found.
    monkeypatch.setattr("dasktop.collectors.sources.discover.hints_from_processes", lambda _: iter(()))

    def start() -> SLURMCluster:
        cluster = SLURMCluster(
            cores=1,
            memory="500MB",
            interface="lo",
            security=temporary_security(tmp_path),
            shared_temp_directory=str(tmp_path),
            scheduler_options={"dashboard_address": ":0"},
            n_workers=1,
        )
        wait_until(lambda: any(job.job_id for job in cluster.workers.values()), "a job")
        return cluster

    cluster = await asyncio.to_thread(start)
    try:
        snapshot, address = await take_snapshot_and_address(Options(), environment=real_slurm.environment)
        named, _ = await take_snapshot_and_address(
            Options(address=cluster.scheduler_address), environment=real_slurm.environment
        )
    finally:
        await asyncio.to_thread(cluster.close)
        await asyncio.to_thread(real_slurm.cancel_all)
    assert address == cluster.scheduler_address
    assert snapshot.cluster.scheduler_id == named.cluster.scheduler_id == cluster.scheduler.id


async def test_jobs_that_sbatch_rejects_are_reported(real_slurm):
    """A job name of two words: sbatch rejects the script of each job."""

    def start() -> SLURMCluster:
        cluster = SLURMCluster(
            cores=1,
            memory="500MB",
            interface="lo",
            job_name="two words",
            scheduler_options={"dashboard_address": ":0"},
        )
        cluster.scale(jobs=2)
        return cluster

    async def forget_jobs() -> None:
        """Let the cluster close: it fails to cancel jobs that have no id."""
        for name in list(cluster.workers):
            cluster._created.discard(cluster.workers.pop(name))
        cluster.worker_spec.clear()

    cluster = await asyncio.to_thread(start)
    poller = Poller(Options(address=cluster.scheduler_address), real_slurm.environment)
    poller.attach_to(cluster.scheduler_address)
    words = "the 2 jobs that the SLURMCluster requested could not be submitted: sbatch: error: Invalid directive"
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while True:
            await poller.poll_everything()
            findings = poller.snapshot().findings
            if any(finding.code == "jobs-not-submitted" and words in finding.message for finding in findings):
                break
            assert time.monotonic() < deadline, findings
            await asyncio.sleep(0.5)
    finally:
        await poller.close()
        await asyncio.to_thread(cluster.sync, forget_jobs)
        await asyncio.to_thread(cluster.close)
