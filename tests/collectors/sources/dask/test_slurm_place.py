"""Where in SLURM a worker runs, from environment and cgroup; and when workers are asked again."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dasktop.collectors.model.readings import SlurmPlace
from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.sources.dask.collector import DaskCollector
from dasktop.collectors.sources.dask.slurm_place import slurm_place
from dasktop.collectors.sources.dask.worker_probe import FIRST_PAUSE_SECONDS, WorkerRegistry
from dasktop.collectors.system.backoff import LONGEST_PAUSE_SECONDS
from tests.support.dask_processes import Scheduler, Workers, places_are_read, read_until

# As `env` showed it inside jobs of SLURM 22.05.
IN_BATCH_STEP = {"SLURM_JOB_ID": "4711", "SLURM_PROCID": "0", "SLURMD_NODENAME": "n1", "SLURM_TASK_PID": "812"}
IN_SRUN_STEP = {**IN_BATCH_STEP, "SLURM_STEP_ID": "0", "SLURM_PROCID": "3", "SLURMD_NODENAME": "n2"}

OUTSIDE = "0::/user.slice/user-1000.slice/session-3.scope\n"


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        (IN_BATCH_STEP, SlurmPlace(job_id="4711", step_id="batch", task_id=0, node="n1", task_pid=812)),
        (IN_SRUN_STEP, SlurmPlace(job_id="4711", step_id="0", task_id=3, node="n2", task_pid=812)),
        ({"SLURM_JOBID": "12", "SLURM_STEPID": "1"}, SlurmPlace(job_id="12", step_id="1", proof="inherited")),
        ({**IN_BATCH_STEP, "SLURM_STEP_ID": "4294967291"}, slurm_place(IN_BATCH_STEP, "")),
        ({**IN_BATCH_STEP, "SLURM_STEP_ID": "-5"}, slurm_place(IN_BATCH_STEP, "")),  # 26.05
        ({"SLURM_JOB_ID": "5", "SLURM_STEP_ID": "-4"}, SlurmPlace(job_id="5", step_id="extern", proof="inherited")),
        (
            {"SLURM_JOB_ID": "5", "SLURM_STEP_ID": "4294967292"},
            SlurmPlace(job_id="5", step_id="extern", proof="inherited"),
        ),
        (
            {"SLURM_JOB_ID": "5", "SLURM_STEP_ID": "-6"},
            SlurmPlace(job_id="5", step_id="interactive", proof="inherited"),
        ),
        (
            {"SLURM_JOB_ID": "5", "SLURM_STEP_ID": "4294967290", "SLURM_PROCID": "0"},
            SlurmPlace(job_id="5", step_id="interactive", task_id=0),
        ),
        ({"SLURM_JOB_ID": "5", "SLURM_PROCID": "-1", "SLURMD_NODENAME": ""}, SlurmPlace(job_id="5", step_id="batch")),
        ({"SLURM_JOB_ID": "5", "SLURMD_NODENAME": "n\x1b[1m1"}, SlurmPlace(job_id="5", step_id="batch", node="n [1m1")),
        ({"SLURM_JOB_ID": ""}, None),
        ({"SLURM_JOB_ID": "4711_3"}, None),
        ({"SLURM_JOB_ID": "٤"}, None),
        ({}, None),
    ],
)
def test_place_from_environment(environment: dict[str, str], place: SlurmPlace | None) -> None:
    assert slurm_place(environment, OUTSIDE) == place


@pytest.mark.parametrize(
    ("cgroup", "job_id", "step_id", "task_id"),
    [
        ("0::/system.slice/slurmstepd.scope/job_123/step_0/user/task_2", "123", "0", 2),
        ("0::/system.slice/slurmstepd.scope/job_123/step_batch/user/task_0", "123", "batch", 0),
        ("0::/system.slice/n1_slurmstepd.scope/job_123/step_extern/user/task_special", "123", "extern", None),
        ("0::/system.slice/slurmstepd.scope/job_123/step_interactive/user/task_0/mine", "123", "interactive", 0),
        ("9:memory:/slurm/uid_1000/job_7/step_batch/task_0\n1:name=systemd:/system.slice", "7", "batch", 0),
        (
            "11:memory:/\n6:freezer:/slurm/uid_1000/job_7/step_4294967291/task_0\n0::/system.slice/sshd.service",
            "7",
            "batch",
            0,
        ),
        ("0::/system.slice/slurmstepd.scope/job_123/step_-5/user/task_0", "123", "batch", 0),
        # Controllers at different depths: the deepest path is the most specific.
        (
            "9:cpuset:/slurm/uid_0/job_7\n8:memory:/slurm/uid_0/job_7/step_1/task_4\n7:devices:/slurm/uid_0/job_7",
            "7",
            "1",
            4,
        ),
    ],
)
def test_place_from_cgroup(cgroup: str, job_id: str, step_id: str, task_id: int | None) -> None:
    place = SlurmPlace(job_id=job_id, step_id=step_id, task_id=task_id, proof="kernel")
    assert slurm_place({}, cgroup) == place


@pytest.mark.parametrize("cgroup", ["", OUTSIDE, "0::/docker/job_/x", "0::/a/job_12x/step_0", "0::/my_job_7/step_1"])
def test_other_cgroups_give_no_place(cgroup: str) -> None:
    assert slurm_place({}, cgroup) is None


def test_cgroup_precedes_environment() -> None:
    place = slurm_place(IN_SRUN_STEP, "0::/system.slice/slurmstepd.scope/job_9/step_9/user/task_9")
    assert place == SlurmPlace(job_id="9", step_id="9", task_id=9, node="n2", task_pid=812, proof="kernel")


@pytest.mark.parametrize(
    ("environment", "stepds", "place"),
    [
        # Each as SLURM 22.05 had it. An sbatch within a step 1: the batch script has that step's number.
        (
            {**IN_BATCH_STEP, "SLURM_STEP_ID": "1"},
            ["slurmstepd: [4711.batch] "],
            SlurmPlace(job_id="4711", step_id="batch", task_id=0, node="n1", task_pid=812, proof="kernel"),
        ),
        # srun --het-group=1 of a job 4711 + 4712.
        (
            {**IN_SRUN_STEP, "SLURM_PROCID": "0"},
            ["slurmstepd: [4712.0]    "],
            SlurmPlace(job_id="4712", step_id="0", task_id=0, node="n2", task_pid=812, proof="kernel"),
        ),
        # A salloc in a batch script: its shell has the new job's id, and runs in the old job.
        (
            {**IN_BATCH_STEP, "SLURM_JOB_ID": "4713"},
            ["slurmstepd: [4711.batch]"],
            SlurmPlace(job_id="4711", step_id="batch", task_id=0, node="n1", task_pid=812, proof="kernel"),
        ),
        ({}, ["slurmstepd: [5.extern]"], SlurmPlace(job_id="5", step_id="extern", proof="kernel")),
        ({}, ["slurmstepd infinity", "slurmstepd: [x.0]"], None),
    ],
)
def test_place_from_ancestors(environment: dict[str, str], stepds: list[str], place: SlurmPlace | None) -> None:
    assert slurm_place(environment, OUTSIDE, stepds) == place


def test_variables_of_a_salloc_shell_are_only_inherited() -> None:
    assert slurm_place({"SLURM_JOB_ID": "23"}, OUTSIDE) == SlurmPlace(job_id="23", step_id="batch", proof="inherited")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(IN_SRUN_STEP)), st.text()), st.text())
def test_any_text_is_tolerated(environment: dict[str, str], cgroup: str) -> None:
    place = slurm_place(environment, cgroup)
    assert place is None or place.job_id.isdigit()


async def test_scheduler_and_workers_report_their_place() -> None:
    with (
        Scheduler(environment={"SLURM_JOB_ID": "4709"}) as scheduler,
        Workers(scheduler.address, count=2, environment=IN_SRUN_STEP),
    ):
        collector = DaskCollector(scheduler.address)
        reading = await read_until(collector, places_are_read)
        await collector.close()
        assert reading.scheduler_place == SlurmPlace(job_id="4709", step_id="batch", proof="inherited")
        assert len(reading.workers) == 2
        for worker in reading.workers:
            assert worker.place == slurm_place(IN_SRUN_STEP, "")
            assert worker.started_at is not None


def a_worker(number: int = 1, pid: int | None = 1) -> Worker:
    return Worker(
        name=f"w{number}",
        address=f"tcp://10.0.0.{number}:1",
        pid=pid,
        nanny_pid=None,
        host=None,
        status=None,
        nthreads=None,
        memory_limit_bytes=None,
        memory_bytes=None,
        managed_bytes=None,
        spilled_bytes=None,
        cpu_percent=None,
        executing=None,
        queued=None,
        stored=None,
        last_seen_seconds=None,
        evidence=None,
    )


def test_worker_is_asked_once() -> None:
    registry = WorkerRegistry()
    one, other = a_worker(1), a_worker(2)
    assert registry.due([one, other]) == [one, other]
    registry.register(one, {"pid": 5, "parent_pid": 4, "host": "n1", "environment": IN_BATCH_STEP, "cgroup": None})
    assert registry.due([one, other]) == [other]
    answer = registry.of(one)
    assert answer is not None
    assert (answer.pid, answer.parent_pid, answer.host) == (5, 4, "n1")
    assert answer.place == slurm_place(IN_BATCH_STEP, "")


def test_new_process_at_old_address_is_asked() -> None:
    registry = WorkerRegistry()
    registry.register(a_worker(pid=1), {})
    assert registry.due([a_worker(pid=2)]) == [a_worker(pid=2)]
    registry.forget_all_but([a_worker(pid=2)])
    assert registry.of(a_worker(pid=1)) is None


def test_silent_worker_is_asked_less_often() -> None:
    now = 100.0
    registry = WorkerRegistry(clock=lambda: now)
    worker = a_worker()
    pauses = []
    for _ in range(9):
        registry.note_silent(worker)
        began_at = now
        while not registry.due([worker]):
            now += 1
        pauses.append(now - began_at)
    assert pauses[:3] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    registry.note_answered(worker)
    assert registry.due([worker])


def test_refusing_worker_is_not_asked_again() -> None:
    now = 0.0
    registry = WorkerRegistry(clock=lambda: now)
    registry.note_refused(a_worker())
    now = 1e9
    assert not registry.due([a_worker()])
    assert registry.due([a_worker(pid=2)]), "a new process may not refuse"
    now = math.nextafter(math.inf, 0)
    assert not registry.may_ask(a_worker())


@settings(deadline=None)
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda part: st.dictionaries(st.text(), part))
)
def test_invalid_answers_are_tolerated(answer: object) -> None:
    registry = WorkerRegistry()
    registry.register(a_worker(), answer)
    registry.register(a_worker(), {"environment": answer, "cgroup": answer, "host": answer, "pid": answer})
    assert registry.of(a_worker())
