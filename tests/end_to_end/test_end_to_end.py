"""dasktop as a whole on a real SLURM: its output is compared with the processes themselves.

All tests use one scene: a `SLURMCluster` of 12 cores and 4 processes a job with two running jobs and a pending one; an
``sbatch`` job that runs ``srun -n 4 dask worker`` on two nodes; a worker started by hand; two jobs without dask.
"""

import json
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import jsonschema
import psutil
import pytest

from dasktop.collectors.model import snapshot as model
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.readings import step_name
from dasktop.collectors.runtime.sampler import Sampler
from tests.support.dasktop_program import PATIENT, Result, dasktop_limited_to, patient_dasktop
from tests.support.forked_python import with_forked_python
from tests.support.isolated_environment import with_default_dask_settings
from tests.support.notebook import Notebook
from tests.support.terminal import Terminal
from tests.support.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.slurm

PYTHON = sys.executable
WORKERS = 2 * 4 + 4 + 1


class Scene:
    """The jobs and workers, and dasktop on them."""

    def __init__(self, slurm, notebook, srun_job, other_jobs, by_hand) -> None:
        self.slurm = slurm
        self.notebook = notebook
        self.srun_job = srun_job
        self.other_jobs = other_jobs
        self.by_hand = by_hand
        self.address = notebook.value("cluster.scheduler_address")
        self.job_ids = notebook.value("{name: worker.job_id for name, worker in cluster.workers.items()}")

    def program(self, *arguments: str, program: tuple[str, ...] = PATIENT) -> Result:
        """Run the program in its own process."""
        done = subprocess.run(
            with_forked_python([*program, *arguments]) if program is PATIENT else [*program, *arguments],
            env=self.slurm.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def dasktop(self, *arguments: str, pids: Collection[int] | None = None) -> Result:
        """Run the command in this process, which takes less CPU time."""
        return patient_dasktop(*arguments, pids=pids, **self.slurm.environment)

    def snapshot(self, *arguments: str, pids: Collection[int] | None = None) -> model.Snapshot:
        return parsed(self.dasktop("snapshot", *arguments, pids=pids))


def parsed(ended: Result) -> model.Snapshot:
    assert (ended.returncode, ended.stderr) == (0, "")
    return model.from_json(ended.stdout)


@pytest.fixture(scope="module")
def scene(real_slurm, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    # Two of the four nodes are in use, so that the third job of the cluster has to wait.
    others = [real_slurm.submit("#!/bin/sh\nsleep 1200\n", "--exclusive", f"--nodelist=n{n}") for n in (3, 4)]
    for job_id in others:
        real_slurm.wait_for(job_id, "RUNNING")
    with Notebook(real_slurm.environment, folder) as notebook:
        notebook.run(
            "from dask_jobqueue import SLURMCluster\n"
            "from distributed import Client\n"
            # Workers that are processes of the jobs.
            f"cluster = SLURMCluster(cores=12, processes=4, memory='16GB', walltime='00:20:00', interface='lo',"
            f" python={PYTHON!r})\n"
            "client = Client(cluster)\n"
            "cluster.scale(jobs=2)"
        )
        address = notebook.value("cluster.scheduler_address")
        srun_job = real_slurm.submit(
            f"srun -n 4 {PYTHON} -m dask worker {address} --nthreads 1 --no-dashboard",
            *("--nodes=2", "--ntasks=4", "--ntasks-per-node=2", "--mem=4000"),
        )
        by_hand = subprocess.Popen(
            [PYTHON, *f"-m dask worker {address} --nthreads 1 --no-nanny --no-dashboard --name by-hand".split()],
            env=with_default_dask_settings(real_slurm.environment),  # as a user's worker has them
            stderr=subprocess.DEVNULL,
        )
        try:
            notebook.wait_until(f"len(cluster.scheduler.workers) == {WORKERS}")
            notebook.run("cluster.scale(jobs=3)")
            notebook.wait_until("len(cluster.workers) == 3 and all(w.job_id for w in cluster.workers.values())")
            waiting = notebook.value("max(cluster.workers.values(), key=lambda job: int(job.job_id)).job_id")
            real_slurm.wait_for_reason(waiting, "Resources")  # SLURM sets a reason after a second or two
            yield Scene(real_slurm, notebook, srun_job, others, by_hand.pid)
        finally:
            by_hand.terminate()
            by_hand.wait(PATIENCE_SECONDS)
            notebook.run("client.close(); cluster.close()")
            real_slurm.cancel_all()


@pytest.fixture(scope="module")
def snapshot(scene):
    return parsed(scene.program("snapshot", scene.address, "--threads"))


def placements(snapshot):
    return [(job, task, worker) for job in snapshot.jobs for task in job.tasks for worker in task.workers]


def environment_of(pid: int) -> dict[str, str]:
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(variable.decode().split("=", 1) for variable in variables if b"=" in variable)


def test_each_worker_is_under_its_job_and_task(snapshot):
    assert len(placements(snapshot)) == WORKERS - 1
    assert len({worker.address for _, _, worker in placements(snapshot)}) == WORKERS - 1
    assert {task.step_id for _, task, _ in placements(snapshot)} == {"batch", "0"}
    for job, task, worker in placements(snapshot):
        environment = environment_of(worker.pid)
        assert job.job_id == environment["SLURM_JOB_ID"]
        assert task.step_id == step_name(environment.get("SLURM_STEP_ID", "batch"))
        assert task.task_id == int(environment["SLURM_PROCID"])
        assert task.node == environment["SLURMD_NODENAME"]
        assert task.pid == int(environment["SLURM_TASK_PID"])
        assert psutil.Process(worker.pid).ppid() == worker.nanny_pid


def test_resources_and_evidence_of_cluster_jobs(scene, snapshot):
    jobs = {job.job_id: job for job in snapshot.jobs}
    running = [jobs[job_id] for job_id in scene.job_ids.values() if jobs[job_id].state == "RUNNING"]
    assert len(running) == 2
    for job in running:
        assert job.evidence[:2] == ("owner", "environment")
        assert job.allocated.cpus == 12
        assert job.allocated.memory_bytes == 15 * 1024**3  # dask-jobqueue asks for --mem=15G
        assert job.workers_expected == 4
        assert {worker.evidence for task in job.tasks for worker in task.workers} == {"owner"}
        assert job.time_limit_seconds == 20 * 60
        assert 0 < job.time_left_seconds < 20 * 60


def test_pending_job_has_a_reason(scene, snapshot):
    (pending,) = [job for job in snapshot.jobs if job.state == "PENDING"]
    assert pending.job_id in scene.job_ids.values()
    assert pending.reason in ("Resources", "Priority")
    assert "owner" in pending.evidence
    assert pending.tasks == ()
    assert pending.workers_expected == 4


def test_srun_tasks_on_two_nodes_have_workers(scene, snapshot):
    job = next(job for job in snapshot.jobs if job.job_id == scene.srun_job)
    step = [task for task in job.tasks if task.step_id == "0"]
    assert [task.task_id for task in step] == [0, 1, 2, 3]
    assert len({task.node for task in step}) == 2
    assert [len(task.workers) for task in step] == [1, 1, 1, 1]
    assert {worker.evidence for task in step for worker in task.workers} == {"environment"}
    assert job.workers_expected == 4
    assert "job_script" in job.evidence


def test_worker_by_hand_is_outside_slurm(scene, snapshot):
    (worker,) = snapshot.unplaced_workers
    assert (worker.name, worker.pid, worker.evidence) == ("by-hand", scene.by_hand, None)


def test_jobs_without_dask_are_not_counted(scene, snapshot):
    others = {job.job_id: job for job in snapshot.jobs if not job.evidence}
    assert set(others) == set(scene.other_jobs)
    assert snapshot.totals.jobs_running == 3
    assert snapshot.totals.jobs_pending == 1
    assert snapshot.totals.cpus_allocated == 12 + 12 + 4
    assert snapshot.totals.workers == WORKERS


def test_threads_exist_in_the_operating_system(snapshot):
    for worker in (*(worker for _, _, worker in placements(snapshot)), *snapshot.unplaced_workers):
        native_ids = {int(entry.name) for entry in Path(f"/proc/{worker.pid}/task").iterdir()}
        threads = {thread.native_id for thread in worker.threads}
        assert threads
        assert threads <= native_ids
        assert [thread.role for thread in worker.threads].count("event loop") == 1


def test_busy_thread_has_its_task(scene):
    scene.notebook.run(
        "from distributed import Event\n"
        "stop = Event('stop-spinning', client)\n"
        "def spin():\n"
        "    import time; from distributed import Event\n"
        "    event, until = Event('stop-spinning'), time.time() + 120\n"
        "    while time.time() < until and not event.is_set():\n"
        "        sum(range(1_000_000))\n"
        "future = client.submit(spin, key='spinning')"
    )
    try:
        scene.notebook.wait_until(
            "client.run_on_scheduler(lambda dask_scheduler: any("
            "task.key == 'spinning' for worker in dask_scheduler.workers.values() for task in worker.executing))"
        )
        snapshot = scene.snapshot(scene.address, "--threads")
    finally:
        scene.notebook.run("stop.set(); future.release()")
    everywhere = [worker for _, _, worker in placements(snapshot)] + list(snapshot.unplaced_workers)
    ((worker, thread),) = [(w, t) for w in everywhere for t in w.threads if t.task_key == "spinning"]
    assert thread.role == "compute"
    assert thread.cpu_percent == max(other.cpu_percent or 0 for other in worker.threads)
    assert thread.cpu_percent > 0
    assert worker.executing == 1


def test_threads_are_read_only_on_request(scene):
    assert all(worker.threads == () for _, _, worker in placements(scene.snapshot(scene.address)))


@pytest.mark.parametrize("by", ["scripts", "process"])
def test_scheduler_is_found_without_an_address(scene, snapshot, by):
    found = scene.snapshot(pids=[scene.notebook.pid] if by == "process" else [])
    assert found.cluster.scheduler_id == snapshot.cluster.scheduler_id
    assert {worker.address for _, _, worker in placements(found)} == {
        worker.address for _, _, worker in placements(snapshot)
    }


def test_dask_top_is_the_same_program(scene, snapshot):
    result = scene.program("top", "snapshot", scene.address, program=(PYTHON, "-m", "dask"))
    assert result.returncode == 0, result.stderr
    assert model.from_json(result.stdout).cluster.scheduler_id == snapshot.cluster.scheduler_id


def test_output_matches_its_schema(scene):
    schema = json.loads(scene.dasktop("schema").stdout)
    output = json.loads(scene.dasktop("snapshot", scene.address, "--threads").stdout)
    jsonschema.validate(output, schema, cls=jsonschema.Draft202012Validator)
    output["jobs"][0]["job_id"] = 5
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(output, schema, cls=jsonschema.Draft202012Validator)


def test_watch_prints_one_line_per_interval(scene):
    watch = subprocess.Popen(
        [*PATIENT, "snapshot", scene.address, "--watch", "2"],
        env=scene.slurm.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    snapshots = [model.from_json(watch.stdout.readline()) for _ in range(3)]
    watch.send_signal(2)
    watch.communicate(timeout=PATIENCE_SECONDS)  # reads the rest: it could block on a full pipe
    assert watch.returncode == 0
    assert [len(placements(snapshot)) for snapshot in snapshots] == [WORKERS - 1] * 3
    # The interval is kept even if a snapshot is late.
    assert (snapshots[-1].taken_at - snapshots[0].taken_at).total_seconds() > 2 * 2 - 0.5


def test_plain_text_shows_all_levels(scene):
    scene.notebook.run("client.submit(abs, 1).result()")  # else there may be no compute thread yet
    text = scene.dasktop("snapshot", scene.address, "--text", "--threads").stdout
    for word in (scene.srun_job, "batch.0", "0.3", "SLURMCluster-0-1", "by-hand", "Dask-0", "PENDING"):
        assert word in text
    assert scene.dasktop(scene.address).stdout.count("SLURMCluster-0-1") == 1, "without a terminal it prints plain text"


async def test_screen_shows_all_jobs_and_workers(scene, monkeypatch):
    from dasktop.tui.app import DasktopApp

    app = DasktopApp(
        Sampler(Options(address=scene.address, dask_timeout_seconds=PATIENCE_SECONDS), scene.slurm.environment)
    )
    async with app.run_test(size=(140, 60), notifications=True) as pilot:
        # SLURM and dask answer at different times. Rows keep their places from when scripts have been read.
        workers = ("SLURMCluster-0-3", "0.3", "by-hand")
        words = (*scene.job_ids.values(), scene.srun_job, *workers, "PENDING", "other jobs")
        await until(
            lambda: all(word in screen_text(app) for word in words), lambda: screen_text(app), pause=pilot.pause
        )
        await pilot.press("down", "down", "right")  # into the first worker
        await until(
            lambda: {"MainThread", "event loop"} <= set(re.split(r"\s{2,}", screen_text(app))),
            lambda: screen_text(app),
            pause=pilot.pause,
        )
        await pilot.press("q")
    assert app.return_code == 0


def screen_text(app) -> str:
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_screen_in_a_real_terminal(scene, tmp_path, size):
    command = [*PATIENT, scene.address]
    with Terminal(command, tmp_path, scene.slurm.environment, *size) as terminal:
        jobs = (*scene.job_ids.values(), scene.srun_job, "PENDING", "other jobs")
        terminal.wait_for(lambda screen: all(word in screen for word in jobs))
        if size == (120, 40):
            terminal.press("v", "v", "v", "d")  # neither panels nor details
            terminal.wait_for(lambda screen: "HISTORY" not in screen and "ALLOCATION" not in screen)
        terminal.press("*")  # not all rows fitted, so the jobs are folded
        # At 80 columns the row of a job has no room for its only task.
        tasks = ("batch.0", "by-hand", "0.3", "SLURMCluster-0-3") if size == (120, 40) else ("▾ 0.0", "SLURMCluster-")
        terminal.wait_for(lambda screen: all(word in screen for word in tasks))
        terminal.press("Down", "Down", "Right")
        terminal.wait_for("event loop")
        assert all(len(line) <= size[0] for line in terminal.screen().splitlines())
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        terminal.wait_for(lambda screen: screen == "")


def test_two_schedulers_are_listed_to_choose_from(scene, tmp_path):
    other = subprocess.Popen(
        [PYTHON, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = next(line.split()[-1] for line in other.stderr if "Scheduler at:" in line)
        result = scene.dasktop("snapshot", pids=[scene.notebook.pid, other.pid])
        assert result.returncode == 3
        heading, *listed = result.stderr.splitlines()
        assert "2 schedulers found; name one" in heading
        assert {line.split()[0] for line in listed} == {scene.address, address}
        program = dasktop_limited_to(scene.notebook.pid, other.pid)
        with Terminal(program, tmp_path, scene.slurm.environment) as terminal:
            terminal.wait_for(lambda screen: scene.address in screen and address in screen)
            terminal.press("Enter")
            terminal.wait_for(lambda screen: "dask" in screen and "workers" in screen)
            terminal.press("q")
            assert terminal.wait_for_end() == 0
    finally:
        other.terminate()
        other.wait(PATIENCE_SECONDS)
