"""Reconciling two readings into one tree: the evidence ladder, and that nothing is ever dropped."""

from collections import Counter
from datetime import UTC, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.analysis.reconcile import NO_CLUSTER, reconcile
from dasktop.collectors.model import snapshot as model
from dasktop.collectors.model.jobs import LEFT_HOURS
from dasktop.collectors.model.readings import (
    DepartedWorker,
    EndedJob,
    FoundInLogs,
    JobScript,
    QueuedJob,
    RecentlyEnded,
    Released,
    SlurmPlace,
    SlurmReading,
    Step,
)
from tests.support.readings import ADDRESS, NOW, batch, dask, job_of, running, slurm, worker
from tests.support.work import attempt, failure, work


def snapshot_of(dask_reading, slurm_reading, **more) -> model.Snapshot:
    return reconcile(dask_reading, slurm_reading, (), NOW, **more)


def after_silence(*, dask_state, slurm_later_seconds=30, skew_seconds=0, queued_state="gone") -> model.Snapshot:
    """Return what is seen of jobs 5, which has ended, and 6, which runs, and of one worker each and one outside.

    Parameters
    ----------
    slurm_later_seconds
        After dask's last answer.
    skew_seconds
        How far SLURM's clock is ahead of this one.
    queued_state
        Of job 5, where it has not left the queue.
    """
    workers = [worker(name, place=batch(job_id), memory_bytes=50) for name, job_id in (("a", "5"), ("b", "6"))]
    last = msgspec.structs.replace(dask(*workers, worker("c")), taken_at=NOW - timedelta(seconds=40))
    end = EndedJob(job=QueuedJob(job_id="5", state="COMPLETED"), ended_at=NOW + timedelta(seconds=skew_seconds - 20))
    queue = [running("6", "n1"), *([] if queued_state == "gone" else [QueuedJob(job_id="5", state=queued_state)])]
    reading = slurm(*queue, ended=(end,) if queued_state == "gone" else ())
    reading = msgspec.structs.replace(reading, taken_at=last.taken_at + timedelta(seconds=slurm_later_seconds))
    answers = model.Source(name="dask", state=dask_state, age_seconds=40.0, latency_seconds=0.1, error=None)
    return reconcile(last, reading, (answers,), NOW)


def placed(snapshot) -> dict[str, tuple]:
    """Worker name → (job, step, task, evidence)."""
    return {
        worker.name: (job.job_id, task.step_id, task.task_id, worker.evidence)
        for job in snapshot.jobs
        for task in job.tasks
        for worker in task.workers
    }


class TestEvidenceLadder:
    def test_owner_and_environment_agree(self):
        snapshot = snapshot_of(
            dask(worker("SLURMCluster-0-1", place=batch("7")), job_ids={"SLURMCluster-0": "7"}), slurm(running("7"))
        )
        assert placed(snapshot) == {"SLURMCluster-0-1": ("7", "batch", 0, "owner")}
        assert job_of(snapshot, "7").evidence == ("owner", "environment")

    def test_process_overrides_the_owner(self):
        snapshot = snapshot_of(
            dask(worker("SLURMCluster-0", place=batch("8")), job_ids={"SLURMCluster-0": "7"}),
            slurm(running("7"), running("8")),
        )
        assert placed(snapshot) == {"SLURMCluster-0": ("8", "batch", 0, "environment")}
        assert job_of(snapshot, "7").evidence == ("owner",)

    def test_owner_alone_places_a_worker_in_a_container(self):
        snapshot = snapshot_of(dask(worker("SLURMCluster-0"), job_ids={"SLURMCluster-0": "7"}), slurm(running("7")))
        assert placed(snapshot) == {"SLURMCluster-0": ("7", None, None, "owner")}

    def test_worker_10_is_not_in_job_1(self):
        snapshot = snapshot_of(
            dask(worker("SLURMCluster-10", place_was_read=False, host="x"), job_ids={"SLURMCluster-1": "7"}),
            slurm(running("7", "n1")),
        )
        assert placed(snapshot) == {}

    def test_script_claims_a_pending_job_and_its_workers(self):
        script = JobScript(job_id="9", scheduler_addresses=(ADDRESS,), worker_names=("w9",), workers_expected=2)
        pending = QueuedJob(job_id="9", state="PENDING", reason="Priority")
        snapshot = snapshot_of(dask(worker("w9-1", place_was_read=False)), slurm(pending, scripts=(script,)))
        assert job_of(snapshot, "9").evidence == ("job_script",)
        assert job_of(snapshot, "9").workers_expected == 2
        assert placed(snapshot) == {"w9-1": ("9", None, None, "job_script")}
        assert snapshot.totals.jobs_pending == 1

    def test_script_of_another_scheduler_claims_nothing(self):
        script = JobScript(job_id="9", scheduler_addresses=("tcp://10.1.2.3:9999",), worker_names=("w9",))
        snapshot = snapshot_of(dask(worker("w9", host="x")), slurm(running("9", "n1"), scripts=(script,)))
        assert job_of(snapshot, "9").evidence == ()
        assert [worker.name for worker in snapshot.unplaced_workers] == ["w9"]
        assert snapshot.totals.jobs_running == 0

    def test_script_with_an_unknown_scheduler_claims_nothing(self):
        script = JobScript(job_id="9", starts_workers=True, has_unknown_scheduler=True)
        waiting = QueuedJob(job_id="9", state="PENDING")
        job = job_of(snapshot_of(dask(), slurm(waiting, scripts=(script,))), "9")
        assert (job.evidence, job.scheduler_unknown) == ((), True)
        known = replace(script, scheduler_addresses=(ADDRESS,))
        job = job_of(snapshot_of(dask(), slurm(waiting, scripts=(known,))), "9")
        assert (job.evidence, job.scheduler_unknown) == (("job_script",), False)

    def test_script_names_another_address_or_a_file(self):
        script = JobScript(job_id="9", scheduler_files=("/home/u/s.json",))
        snapshot = snapshot_of(
            dask(), slurm(running("9"), scripts=(script,)), also_known_as=frozenset({"/home/u/s.json"})
        )
        assert job_of(snapshot, "9").evidence == ("job_script",)

    def test_jobs_of_an_array_share_its_script(self):
        script = JobScript(job_id="54", scheduler_addresses=(ADDRESS,), worker_names=("w",))
        tasks = [running(str(55 + i), array_job_id="54", array_task_id=str(i)) for i in range(2)]
        snapshot = snapshot_of(dask(worker("w-1", place_was_read=False, host="x")), slurm(*tasks, scripts=(script,)))
        assert [job.evidence for job in snapshot.jobs] == [("job_script",)] * 2
        assert placed(snapshot) == {}, "one name for two jobs proves nothing"

    def test_name_in_two_scripts_proves_nothing(self):
        scripts = [JobScript(job_id=i, scheduler_addresses=(ADDRESS,), worker_names=("w",)) for i in ("1", "2")]
        snapshot = snapshot_of(
            dask(worker("w", place_was_read=False, host="x")), slurm(running("1"), running("2"), scripts=tuple(scripts))
        )
        assert placed(snapshot) == {}

    def test_old_worker_name_has_the_job_id(self):
        reading = dask(worker("dask-worker--4711---2", place_was_read=False, host="x"))
        assert placed(snapshot_of(reading, slurm(running("4711")))) == {
            "dask-worker--4711---2": ("4711", None, None, "name")
        }
        assert placed(snapshot_of(reading, slurm(running("4712")))) == {}, "a name alone proves nothing"

    def test_host_is_used_only_without_contradiction(self):
        unread = dask(worker("w", place_was_read=False, host="n1.cluster.local"))
        assert placed(snapshot_of(unread, slurm(running("1", "n1")))) == {"w": ("1", None, None, "host")}
        assert placed(snapshot_of(unread, slurm(running("1", "n1"), running("2", "n1")))) == {}
        assert placed(snapshot_of(unread, slurm(QueuedJob(job_id="1", state="PENDING", nodes=("n1",))))) == {}
        read = dask(worker("w", host="n1"))
        assert placed(snapshot_of(read, slurm(running("1", "n1")))) == {}, "the worker reported that it is in no job"

    def test_host_addresses_are_compared_whole(self):
        unread = dask(worker("w", place_was_read=False, host="10.1.2.3"))
        assert placed(snapshot_of(unread, slurm(running("1", "10")))) == {}


def unplaced(snapshot) -> model.Worker:
    (found,) = snapshot.unplaced_workers
    return found


class TestEnvironment:
    """Variables are inherited by all that a job's processes start."""

    def test_shell_of_salloc_is_in_no_job(self):
        place = SlurmPlace(job_id="23", step_id="batch", proof="inherited")
        snapshot = snapshot_of(dask(worker("w", place=place, host="login1")), slurm(running("23", "n2")))
        found = unplaced(snapshot)
        assert (found.outside_slurm, found.inherited_job_id) == (True, "23")
        assert found.place_note == "its environment names job 23, but no step of that job started it"
        assert job_of(snapshot, "23").evidence == ()

    def test_shell_of_salloc_without_slurm(self):
        place = SlurmPlace(job_id="23", step_id="batch", proof="inherited")
        assert unplaced(snapshot_of(dask(worker("w", place=place)), None)).outside_slurm is True

    def test_owner_still_knows_its_workers(self):
        place = SlurmPlace(job_id="23", step_id="batch", proof="inherited")
        snapshot = snapshot_of(
            dask(worker("w", place=place), job_ids={"w": "7"}), slurm(running("7"), running("23", "n2"))
        )
        assert placed(snapshot) == {"w": ("7", None, None, "owner")}

    def test_foreign_node_contradicts(self):
        snapshot = snapshot_of(dask(worker("w", place=batch("5", node="n9"))), slurm(running("5", "n1", "n2")))
        found = unplaced(snapshot)
        assert (found.outside_slurm, found.inherited_job_id) == (None, "5")
        assert found.place_note == "its environment names job 5 on node n9, which is not a node of that job"

    def test_second_component_of_a_het_job(self):
        jobs = [running("3", "n3", het_job_id="3"), running("4", "n4", het_job_id="3")]
        place = SlurmPlace(job_id="3", step_id="0", task_id=0, node="n4", task_pid=9)
        assert placed(snapshot_of(dask(worker("w", place=place)), slurm(*jobs))) == {"w": ("4", "0", 0, "environment")}

    def test_tmux_keeps_the_id_of_an_ended_job(self):
        end = EndedJob(job=QueuedJob(job_id="17", state="COMPLETED"), ended_at=NOW - timedelta(hours=1))
        late = worker("late", place=batch("17"), started_at=NOW - timedelta(minutes=5))
        survivor = worker("survivor", place=batch("17"), started_at=NOW - timedelta(hours=2))
        snapshot = snapshot_of(dask(late, survivor), slurm(ended=(end,)))
        assert placed(snapshot) == {"survivor": ("17", "batch", 0, "environment")}
        assert (unplaced(snapshot).name, unplaced(snapshot).outside_slurm) == ("late", True)
        assert (
            unplaced(snapshot).place_note == "its environment names job 17, which had ended before the process started"
        )

    @pytest.mark.parametrize(
        ("steps", "found"),
        [
            ((), "1"),  # not yet known to SLURM
            ((("batch", "n1", 99),), "batch"),
            ((("batch", "n1", 99), ("0", "n1", 5)), "batch"),
            ((("batch", "n1", 5), ("0", "n1", 6)), None),
            ((("batch", "n1", 5), ("0", "n2", 6)), "batch"),
            ((("batch", "n1", 99), ("1", "n1", 5)), "batch"),
            ((("batch", "n1", 5), ("1", "n1", 6)), "1"),
        ],
    )
    def test_step_passed_on_by_sbatch_within_a_step(self, steps, found):
        place = SlurmPlace(job_id="5", step_id="1", task_id=0, node="n1", task_pid=99)
        known = tuple(Step(job_id="5", step_id=step, ntasks=1, nodes=(node,), pids=(pid,)) for step, node, pid in steps)
        snapshot = snapshot_of(dask(worker("w", place=place)), slurm(running("5", "n1"), steps=known))
        assert placed(snapshot)["w"][:2] == ("5", found)

    def test_kernel_is_trusted(self):
        place = SlurmPlace(job_id="5", step_id="3", node="n9", proof="kernel")
        step = Step(job_id="5", step_id="batch", ntasks=1)
        snapshot = snapshot_of(dask(worker("w", place=place)), slurm(running("5", "n1"), steps=(step,)))
        assert placed(snapshot)["w"][:2] == ("5", "3")

    @pytest.mark.parametrize(("proof", "job_id"), [("inherited", None), ("environment", "5"), ("kernel", "5")])
    def test_scheduler_is_placed_like_a_worker(self, proof, job_id):
        place = SlurmPlace(job_id="5", step_id="batch", proof=proof)
        reading = msgspec.structs.replace(dask(), scheduler_place=place)
        assert snapshot_of(reading, slurm(running("5"))).cluster.scheduler_job_id == job_id


class TestNothingIsDropped:
    def test_job_known_only_from_its_worker(self):
        snapshot = snapshot_of(dask(worker("w", place=batch("5"))), None)
        assert placed(snapshot) == {"w": ("5", "batch", 0, "environment")}
        assert job_of(snapshot, "5").state is None
        assert snapshot.totals.jobs_running is None

    def test_job_known_only_from_its_owner(self):
        snapshot = snapshot_of(dask(job_ids={"SLURMCluster-0": "5"}), slurm())
        assert job_of(snapshot, "5").evidence == ("owner",)
        assert job_of(snapshot, "5").state is None

    def test_only_ended_jobs_have_a_fate(self):
        ended = EndedJob(job=QueuedJob(job_id="5", state="TIMEOUT"), exit_code=0, signal=0)
        reading = dask(job_ids={"SLURMCluster-0": "5"})
        assert job_of(snapshot_of(reading, slurm(ended=(ended,))), "5").fate.state == "TIMEOUT"
        assert job_of(snapshot_of(reading, slurm(running("5"), ended=(ended,))), "5").fate is None

    @pytest.mark.parametrize("skew_seconds", [0, -3600, 3600])
    def test_failing_scheduler_loses_workers_of_ended_jobs(self, skew_seconds):
        snapshot = after_silence(dask_state="stale", skew_seconds=skew_seconds)
        job = job_of(snapshot, "5")
        assert (job.fate.state, job.tasks, job.evidence) == ("COMPLETED", (), ("environment",))
        assert (job.used.memory_bytes, job.used.threads_busy) == (None, 0)
        assert placed(snapshot) == {"b": ("6", "batch", 0, "environment")}  # its job runs
        assert (snapshot.totals.workers, snapshot.totals.memory_bytes, snapshot.totals.threads) == (2, 50, 6)
        assert [one.name for one in snapshot.unplaced_workers] == ["c"]

    def test_failing_scheduler_loses_workers_of_requeued_jobs(self):
        for state in ("PENDING", "REQUEUED", "COMPLETED", "NODE_FAIL"):
            assert "a" not in placed(after_silence(dask_state="error", queued_state=state))
        for state in ("RUNNING", "COMPLETING", "SUSPENDED", None):
            assert "a" in placed(after_silence(dask_state="error", queued_state=state))

    def test_answering_scheduler_keeps_its_workers(self):
        """The scheduler lists workers of a failed node until it removes them."""
        assert "a" in placed(after_silence(dask_state="ok"))

    def test_older_reading_of_slurm_removes_no_workers(self):
        assert "a" in placed(after_silence(dask_state="stale", slurm_later_seconds=0))
        assert "a" in placed(after_silence(dask_state="stale", slurm_later_seconds=-1))

    def test_without_dask_there_are_jobs_but_no_sums(self):
        snapshot = snapshot_of(None, slurm(running("1")))
        assert [job.job_id for job in snapshot.jobs] == ["1"]
        assert snapshot.totals == model.Totals(**dict.fromkeys(model.Totals.__struct_fields__))
        assert snapshot.cluster == NO_CLUSTER

    def test_tasks_without_workers_but_no_extern(self):
        steps = (
            Step(job_id="1", step_id="0", ntasks=4, nodes=("n1", "n2"), pids=(10, 11), max_rss_bytes=5, cpu_seconds=7),
            Step(job_id="1", step_id="batch", ntasks=1, nodes=("n1",), pids=(9,)),
            Step(job_id="1", step_id="extern", ntasks=1, nodes=("n1",), pids=(8,)),
        )
        place = SlurmPlace(job_id="1", step_id="0", task_id=2, node="n2", task_pid=11)
        job = job_of(snapshot_of(dask(worker("w", place=place)), slurm(running("1", "n1", "n2"), steps=steps)), "1")
        assert [(task.max_rss_bytes, task.cpu_seconds) for task in job.tasks] == [(5, 7)] * 4 + [(None, None)]
        assert [(task.step_id, task.task_id, task.node, task.pid, len(task.workers)) for task in job.tasks] == [
            ("0", 0, None, None, 0),
            ("0", 1, None, None, 0),
            ("0", 2, "n2", 11, 1),
            ("0", 3, None, None, 0),
            ("batch", 0, "n1", 9, 0),
        ]

    def test_unasked_worker_is_in_the_only_task(self):
        step = Step(job_id="1", step_id="batch", ntasks=1, nodes=("n1",), pids=(9,))
        unread = dask(worker("w", place_was_read=False), job_ids={"w": "1"})
        assert placed(snapshot_of(unread, slurm(running("1", "n1"), steps=(step,)))) == {
            "w": ("1", "batch", 0, "owner")
        }

    def test_task_is_not_guessed_among_several(self):
        step = Step(job_id="1", step_id="0", ntasks=2, nodes=("n1", "n2"))
        unread = dask(worker("w", place_was_read=False), job_ids={"w": "1"})
        assert placed(snapshot_of(unread, slurm(running("1", "n1"), steps=(step,)))) == {
            "w": ("1", None, None, "owner")
        }


class TestFigures:
    def test_use_and_totals(self):
        snapshot = snapshot_of(
            dask(
                worker("a", place=batch("1"), cpu_percent=150.0, memory_bytes=10, executing=5),
                worker("b", place=batch("1"), cpu_percent=None, memory_bytes=None, executing=1),
                worker("c", cpu_percent=10.0, memory_bytes=7, executing=None),
            ),
            slurm(running("1"), running("2")),
        )
        assert job_of(snapshot, "1").used == model.Used(cpu_percent=150.0, memory_bytes=10, threads_busy=4)
        assert job_of(snapshot, "2").used == model.Used(cpu_percent=None, memory_bytes=None, threads_busy=0)
        assert snapshot.totals == model.Totals(
            jobs_running=1,
            jobs_pending=0,
            workers=3,
            threads=9,
            threads_busy=4,
            cpus_allocated=12,
            cpu_percent=160.0,
            memory_allocated_bytes=1000,
            memory_bytes=17,
        )

    def test_sum_with_an_unknown_part_is_unknown(self):
        places = [worker(str(i), place=batch(str(i))) for i in (1, 2)]
        snapshot = snapshot_of(dask(*places), slurm(running("1"), running("2", memory_bytes=None)))
        assert snapshot.totals.cpus_allocated == 24
        assert snapshot.totals.memory_allocated_bytes is None

    def test_time_left_of_running_jobs_is_not_negative(self):
        ends = {"ends_at": NOW + timedelta(seconds=90)}
        jobs = [
            running("1", **ends),
            QueuedJob(job_id="2", state="PENDING", **ends),
            running("3", ends_at=NOW - timedelta(seconds=5)),
        ]
        assert [job.time_left_seconds for job in snapshot_of(None, slurm(*jobs)).jobs] == [90, None, 0]

    @pytest.mark.parametrize("state", ["RESIZING", "SIGNALING", "RUNNING+SOMETHING_NEW"])
    def test_running_job_with_a_flag_is_running(self, state):
        job = QueuedJob(job_id="1", state=state, ends_at=NOW + timedelta(seconds=90))
        snapshot = snapshot_of(dask(job_ids={"w": "1"}), slurm(job))
        assert (snapshot.jobs[0].state, snapshot.jobs[0].time_left_seconds) == (state, 90)
        assert (snapshot.totals.jobs_running, snapshot.totals.jobs_pending) == (1, 0)

    def test_requeued_job_is_pending(self):
        snapshot = snapshot_of(dask(job_ids={"w": "1"}), slurm(QueuedJob(job_id="1", state="REQUEUED")))
        assert (snapshot.totals.jobs_running, snapshot.totals.jobs_pending) == (0, 1)

    def test_jobs_and_workers_are_in_natural_order(self):
        reading = dask(*(worker(f"w-{i}", place=batch("1")) for i in (10, 9, 2)))
        snapshot = snapshot_of(reading, slurm(running("10"), running("9"), running("1")))
        assert [job.job_id for job in snapshot.jobs] == ["1", "9", "10"]
        assert list(placed(snapshot)) == ["w-2", "w-9", "w-10"]


class TestJobsEndedBeforeTheStart:
    """The scheduler has run for an hour; the job has failed three minutes ago."""

    STARTED_AT = NOW - timedelta(hours=1)

    def lately(self, job_id="7", ended_at=NOW - timedelta(minutes=3), address=ADDRESS, **script) -> RecentlyEnded:
        script = {"scheduler_addresses": (address,), "workers_expected": 4} | script
        job = QueuedJob(job_id=job_id, state="FAILED")
        end = EndedJob(job=job, exit_code=3, ended_at=ended_at)
        return RecentlyEnded(end=end, script=JobScript(job_id=job_id, **script))

    def jobs(self, *lately, queued=(), ended=(), started_at=STARTED_AT, **more) -> tuple[model.Job, ...]:
        reading = replace(dask(), scheduler_started_at=started_at)
        return snapshot_of(reading, slurm(*queued, ended=ended, recently_ended=lately), **more).jobs

    def test_job_with_the_schedulers_address_is_included(self):
        (job,) = self.jobs(self.lately())
        assert (job.job_id, job.state, job.evidence, job.workers_expected) == ("7", "FAILED", ("job_script",), 4)
        assert job.fate is not None
        assert job.fate.explanation == "failed with exit code 3"

    def test_job_with_the_schedulers_file_is_included(self):
        found = self.lately(scheduler_addresses=(), scheduler_files=("/home/u/s.json",))
        (job,) = self.jobs(found, also_known_as=frozenset({"/home/u/s.json"}))
        assert job.evidence == ("job_script",)

    def test_job_of_another_scheduler_is_not_included(self):
        assert self.jobs(self.lately(address="tcp://10.1.2.3:1")) == ()
        assert self.jobs(self.lately(scheduler_addresses=(), other_addresses=(ADDRESS,))) == ()
        assert self.jobs(self.lately(scheduler_addresses=(), has_unknown_scheduler=True)) == ()

    @pytest.mark.parametrize("started_at", [NOW - timedelta(minutes=2), None], ids=["later", "unknown"])
    def test_job_that_ended_earlier_is_not_included(self, started_at):
        assert self.jobs(self.lately(), started_at=started_at) == ()

    def test_job_that_ended_long_ago_is_not_included(self):
        old = {"started_at": NOW - timedelta(days=3)}
        assert self.jobs(self.lately(ended_at=NOW - timedelta(hours=LEFT_HOURS, seconds=1)), **old) == ()
        assert len(self.jobs(self.lately(ended_at=NOW - timedelta(hours=LEFT_HOURS - 1)), **old)) == 1

    def test_cancelled_job_that_dasktop_released_is_included(self):
        """Its script is forgotten, but the log of actions names the job and this scheduler."""
        job = QueuedJob(job_id="7", state="CANCELLED", user="ada", started_at=NOW - timedelta(minutes=9))
        end = EndedJob(job=job, ended_at=NOW - timedelta(minutes=3), cancelled_by="ada")
        found = RecentlyEnded(end=end)
        released = {"7": Released(by="dasktop", detail="ada@n1, process 7")}
        assert self.jobs(found) == ()
        assert self.jobs(found, released={"7": Released(by="cluster object")}) == ()
        (shown,) = self.jobs(found, released=released)
        assert shown.evidence == ("action_log",)
        assert shown.fate is not None
        assert shown.fate.explanation == "released by dasktop (ada@n1, process 7)"
        assert self.jobs(found, released=released, started_at=NOW - timedelta(minutes=2)) == ()
        completed = RecentlyEnded(end=replace(end, job=replace(job, state="COMPLETED")))
        assert self.jobs(completed, released=released) == ()

    def test_nothing_is_included_before_the_scheduler_answers(self):
        reading = slurm(recently_ended=(self.lately(),))
        assert snapshot_of(None, reading, also_known_as=frozenset({ADDRESS})).jobs == ()

    def test_requeued_job_has_not_ended(self):
        (job,) = self.jobs(self.lately(), queued=(running("7"),))
        assert (job.state, job.fate) == ("RUNNING", None)

    def test_later_information_takes_precedence(self):
        later = EndedJob(job=QueuedJob(job_id="7", state="TIMEOUT"), ended_at=NOW)
        (job,) = self.jobs(self.lately(), ended=(later,))
        assert job.state == "TIMEOUT"


ids = st.sampled_from([str(i) for i in range(6)])
names = st.one_of(
    st.text(max_size=6),
    st.builds("SLURMCluster-{}".format, st.integers(0, 3)),
    st.builds("SLURMCluster-{}-{}".format, st.integers(0, 3), st.integers(0, 3)),
    st.builds("dask-worker--{}---0".format, ids),
)
hosts = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["n1", "n2", "n1.a", "10.0.0.1", "fe80::1"]))
places = st.builds(
    SlurmPlace,
    job_id=ids,
    step_id=st.sampled_from(["batch", "0", "1", "interactive"]),
    task_id=st.none() | st.integers(0, 3),
    node=hosts,
    proof=st.sampled_from(["kernel", "environment", "inherited"]),
)
workers = st.builds(
    worker,
    names,
    place=st.none() | places,
    place_was_read=st.booleans(),
    host=hosts,
    address=st.text(min_size=1, max_size=3),
    cpu_percent=st.none() | st.floats(0, 1600),
    executing=st.none() | st.integers(0, 20),
)
queued_jobs = st.builds(
    QueuedJob,
    job_id=ids,
    array_job_id=st.none() | ids,
    state=st.sampled_from(["RUNNING", "PENDING", "COMPLETING", "NEW_IN_26_05", None]),
    nodes=st.lists(hosts.filter(bool), max_size=3).map(tuple),
    ends_at=st.none() | st.datetimes().map(lambda moment: moment.replace(tzinfo=UTC)),
    cpus=st.none() | st.integers(0, 99),
)
slurm_readings = st.builds(
    SlurmReading,
    taken_at=st.just(NOW),
    jobs=st.lists(queued_jobs, max_size=6).map(tuple),
    ended=st.lists(st.builds(EndedJob, job=queued_jobs), max_size=4).map(tuple),
    steps=st.lists(
        st.builds(Step, job_id=ids, step_id=st.sampled_from(["batch", "0", "extern"]), ntasks=st.integers(0, 4)),
        max_size=4,
    ).map(tuple),
    scripts=st.lists(
        st.builds(
            JobScript,
            job_id=ids,
            scheduler_addresses=st.lists(st.sampled_from([ADDRESS, "tcp://other:1"]), max_size=2).map(tuple),
            worker_names=st.lists(names, max_size=2).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(workers, max_size=8),
    st.none() | st.dictionaries(names, ids, max_size=4),
    st.none() | slurm_readings,
)
def test_every_worker_and_job_occurs_once(worker_readings, job_ids, slurm_reading):
    snapshot = snapshot_of(dask(*worker_readings, job_ids=job_ids), slurm_reading)

    in_tree = [worker.address for job in snapshot.jobs for task in job.tasks for worker in task.workers]
    addresses = Counter(in_tree + [worker.address for worker in snapshot.unplaced_workers])
    assert addresses == Counter({reading.worker.address for reading in worker_readings})
    assert all(worker.evidence is None for worker in snapshot.unplaced_workers)

    read = {job.job_id for job in slurm_reading.jobs} if slurm_reading else set()
    read |= {end.job.job_id for end in slurm_reading.ended} if slurm_reading else set()
    first_of_address = {reading.worker.address: reading for reading in reversed(worker_readings)}.values()
    read |= {one.place.job_id for one in first_of_address if one.place and one.place.proof == "kernel"}
    read |= set((job_ids or {}).values())
    assert read <= {job.job_id for job in snapshot.jobs}
    assert max(Counter(job.job_id for job in snapshot.jobs).values(), default=1) == 1

    for job in snapshot.jobs:
        seats = [worker for task in job.tasks for worker in task.workers]
        assert {worker.evidence for worker in seats} <= set(job.evidence)
        keys = [(task.step_id, task.task_id) for task in job.tasks]
        assert len(keys) == len(set(keys))
    assert model.from_json(model.to_json(snapshot)) == snapshot


def test_every_field_of_the_queue_reaches_the_job():
    elsewhere = set(model.Allocated.__struct_fields__)
    assert set(QueuedJob.__struct_fields__) - elsewhere <= set(model.Job.__struct_fields__)


def test_worker_that_left_before_has_its_job_and_what_ended_it():
    """By its name in the job's script, or else by its address in the job's log."""
    ended_at = NOW - timedelta(seconds=60)
    job = QueuedJob(job_id="5", state="TIMEOUT", started_at=NOW - timedelta(seconds=900))
    reading = slurm(
        ended=(EndedJob(job=job, ended_at=ended_at),),
        scripts=(JobScript(job_id="5", scheduler_addresses=(ADDRESS,), worker_names=("a",)),),
    )
    gone = [DepartedWorker(address=f"tcp://{name}", name=name, registered_at=job.started_at) for name in "abc"]
    ends = [
        model.WorkerEvent(at=ended_at, worker=one.name, address=one.address, kind="removed", reason="unexpected")
        for one in gone
    ]
    failed = [
        failure(address=end.address, job_id=None, attempts=(attempt(address=end.address, job_id=None, at=end.at),))
        for end in ends
    ]
    given = replace(dask(), departed=tuple(gone), worker_events=tuple(ends), work=work(failures=tuple(failed)))
    logs = FoundInLogs(ends={}, jobs={"tcp://b": "5"})
    shown = snapshot_of(given, reading, in_logs=logs)
    cause = "job 5 ended: killed: reached its time limit"
    assert [(end.job_id, end.reason) for end in shown.worker_events] == [
        ("5", cause),
        ("5", cause),
        (None, "unexpected"),
    ]
    assert [(one.job_id, one.attempts[0].job_id, one.attempts[0].cause) for one in shown.work.failures] == [
        ("5", "5", cause),
        ("5", "5", cause),
        (None, None, None),
    ]
