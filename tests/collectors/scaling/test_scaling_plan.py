"""Plans for a change of size: how many jobs, which of them, the resulting size, and when there is no valid plan."""

from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.jobs import has_ended, is_pending, number_of_jobs, workers_of
from dasktop.collectors.model.plan import (
    Adapt,
    Change,
    Cores,
    Jobs,
    LostJob,
    Memory,
    Release,
    ReplaceLost,
    ScalePlan,
    Size,
    Target,
)
from dasktop.collectors.model.snapshot import Adaptive, Allocated, Job, Snapshot
from dasktop.collectors.scaling.plan import plan
from dasktop.collectors.scaling.words import job_lines
from tests.support.snapshots import GIB, cluster, ended, everyday, job, pending, snapshot, source, task, worker

ONE = Size(jobs=1, workers=4, threads=12, cores=12, memory_bytes=16 * GIB)


def owned(*jobs: Job, forgotten: tuple[str, ...] = (), **owner: object) -> Snapshot:
    """Return a snapshot whose owner counts these jobs, and forgotten ones that SLURM does not show."""
    stock = cluster().owner
    assert stock is not None
    ids = [job.job_id for job in jobs if job.evidence] + list(forgotten)
    names = {f"SLURMCluster-{number}": job_id for number, job_id in enumerate(ids)}
    owner = {"adaptive": None, "job_ids": names} | owner
    gone = [unseen(job_id) for job_id in forgotten]
    return snapshot([*jobs, *gone], cluster=cluster(owner=replace(stock, **owner)))


def plain(*jobs: Job, **values: object) -> Snapshot:
    """Return a snapshot of workers from plain sbatch scripts: no owner."""
    return snapshot(jobs, **{"cluster": cluster(owner=None)} | values)


def unseen(job_id: str) -> Job:
    nothing = Allocated(cpus=None, memory_bytes=None, gpus=None)
    return job(job_id, state=None, user=None, time_left_seconds=None, evidence=("owner",), allocated=nothing)


def running(
    job_id: str, executing: int = 0, workers: int = 4, values: dict[str, object] | None = None, **of_job
) -> Job:
    """Return a running job; `executing` and `values` apply to each of its workers."""
    values = {"executing": executing, "queued": 0, "stored": 0, "managed_bytes": 0} | (values or {})
    made = [worker(f"{job_id}-{number}", **values) for number in range(workers)]
    return job(job_id, [task(made)], **of_job)


def failed(job_id: str, **values: object) -> Job:
    """Return a job whose script ended within seconds."""
    over = ended(job_id, "FAILED", "failed with exit code 127: python: not found")
    assert over.fate is not None
    assert over.fate.ended_at is not None
    fate = replace(over.fate, exit_code=127)
    return replace(over, **{"fate": fate, "started_at": over.fate.ended_at - timedelta(seconds=2)} | values)


def times(number: int) -> Size:
    return Size(jobs=number, workers=4 * number, threads=12 * number, cores=12 * number, memory_bytes=16 * number * GIB)


def released(made: ScalePlan) -> list[str]:
    return [victim.job_id for victim in made.release]


def whys(made: ScalePlan) -> list[str]:
    return [victim.why for victim in made.release]


def warned(made: ScalePlan, *words: str) -> bool:
    return any(all(word in warning for word in words) for warning in made.warnings)


def refusal(seen: Snapshot, target: Target, **options: str) -> str:
    with pytest.raises(PlanError) as raised:
        plan(seen, target, **options)
    text = str(raised.value)
    assert "\n" not in text
    return text


class TestScalingUp:
    def test_missing_jobs_are_submitted(self):
        made = plan(owned(running("1"), pending("2")), Jobs(count=5))
        assert (made.submit, made.release, made.replace) == (3, (), ())
        assert (made.before, made.after) == (times(2), times(5))
        assert made.through_owner
        assert made.scheduler_id == "Scheduler-1"
        assert (made.target, made.reckoning) == ("5 jobs", None)
        assert not made.takes_away

    def test_scaling_up_from_no_job(self):
        made = plan(owned(), Jobs(count=2))
        assert (made.submit, made.before, made.after) == (2, times(0), times(2))
        assert made.warnings == ()

    def test_foreign_and_completing_jobs_do_not_count(self):
        made = plan(owned(running("1"), running("2", state="COMPLETING"), job("3", evidence=())), Jobs(count=2))
        assert made.submit == 1

    def test_lost_jobs_are_replaced_first(self):
        seen = owned(ended("1"), ended("2", "CANCELLED", "cancelled"), running("3"))
        made = plan(seen, Jobs(count=2))
        assert made.submit == 1
        assert made.replace == (LostJob(job_id="1", name="SLURMCluster-0", fate="reached its time limit of 1 h"),)
        assert (made.before.jobs, made.after.jobs) == (1, 2)
        assert warned(made, "1 lost job not counted", "2 as SLURMCluster-1")
        assert [lost.job_id for lost in plan(seen, Jobs(count=9)).replace] == ["1", "2"]

    def test_pending_jobs_are_a_warning(self):
        made = plan(owned(running("1"), pending("2"), pending("3", "Resources")), Jobs(count=4))
        assert warned(made, "2 jobs are already pending", "Priority, Resources")

    def test_old_data_is_a_warning(self):
        sources = (source("dask"), source("slurm.queue", state="stale", age_seconds=75.0, error="squeue: timed out"))
        made = plan(replace(owned(running("1")), sources=sources), Jobs(count=2))
        assert made.submit == 1
        assert warned(made, "squeue", "1 min 15 s", "squeue: timed out")

    def test_job_not_yet_known_to_slurm_counts(self):
        made = plan(owned(running("1"), forgotten=("2",)), Jobs(count=3))
        assert (made.submit, made.before.jobs, made.after.jobs) == (1, 2, 3)
        assert warned(made, "SLURM does not show 2")

    def test_without_slurm_jobs_with_workers_run(self):
        sources = (source("dask"), source("slurm.queue", state="off", error="disabled by --no-slurm"))
        seen = replace(owned(running("1", state=None), running("2", state=None)), sources=sources)
        made = plan(seen, Jobs(count=3))
        assert (made.submit, made.before.jobs) == (1, 2)
        assert warned(made, "squeue is not queried (disabled by --no-slurm)")

    def test_job_size_is_that_of_most_jobs(self):
        small = Allocated(cpus=4, memory_bytes=8 * GIB, gpus=None)
        made = plan(
            plain(running("1"), running("2", 1, 1, allocated=small, workers_expected=1), running("3")), Jobs(count=4)
        )
        assert not made.through_owner
        assert made.after.cores == 12 + 4 + 12 + 12
        assert made.after.workers == 4 + 1 + 4 + 4
        assert made.after.threads == 12 + 3 + 12 + 12

    def test_size_of_a_job_may_be_unknown(self):
        bare = running(
            "1", workers=0, allocated=Allocated(cpus=12, memory_bytes=None, gpus=None), workers_expected=None
        )
        made = plan(plain(bare), Jobs(count=2))
        assert made.after == Size(jobs=2, workers=None, threads=None, cores=24, memory_bytes=None)

    def test_threads_are_unknown_if_of_one_worker(self):
        seen = running("1", workers=3)
        silent = worker("1-3", nthreads=None)
        seen = replace(seen, tasks=(task((*seen.tasks[0].workers, silent)),))
        assert plan(plain(seen), Jobs(count=1)).before.threads is None

    def test_resubmitting_needs_a_job(self):
        assert "submit one with sbatch" in refusal(plain(), Jobs(count=1))
        assert "submit one with sbatch" in refusal(plain(ended("1"), job("2", evidence=())), Jobs(count=1))

    def test_local_cluster_has_no_jobs(self):
        stock = cluster().owner
        local = replace(
            stock, class_name="LocalCluster", cores_per_job=None, memory_per_job_bytes=None, processes_per_job=None
        )
        here = replace(plain(running("1")), cluster=cluster(owner=replace(local, adaptive=None, job_ids={})))
        assert not plan(here, Jobs(count=2)).through_owner


class TestConversion:
    def test_cores_in_whole_jobs(self):
        made = plan(owned(running("1")), Cores(count=48))
        assert (made.submit, made.target, made.reckoning) == (3, "48 cores", "48 cores = 4 jobs of 12")
        assert made.warnings == ()

    def test_rounding_up_is_shown(self):
        made = plan(owned(running("1")), Cores(count=37))
        assert (made.submit, made.reckoning) == (3, "37 cores need 4 jobs of 12")
        assert warned(made, "rounded up", "48 cores")

    def test_memory_as_in_dask_jobqueue(self):
        """SLURM rounds: a job that requested 16GB (decimal) got 15 GiB."""
        granted = Allocated(cpus=12, memory_bytes=15 * GIB, gpus=None)
        seen = owned(running("1", allocated=granted), memory_per_job_bytes=16 * 10**9)
        made = plan(seen, Memory(amount_bytes=200 * 10**9))
        assert (made.submit, made.target, made.reckoning) == (12, "200 GB", "200 GB need 13 jobs of 16 GB")
        assert warned(made, "208 GB")
        assert made.after.memory_bytes == 208 * 10**9

    def test_reached_target_changes_nothing(self):
        made = plan(owned(running("1"), pending("2")), Cores(count=20))
        assert made.changes_nothing
        assert made.before == made.after == times(2)

    def test_scaling_down_in_cores(self):
        assert released(plan(owned(running("1"), running("2")), Cores(count=12))) == ["2"]

    def test_zero_needs_no_conversion(self):
        assert released(
            plan(plain(running("1", allocated=Allocated(cpus=None, memory_bytes=None, gpus=None))), Cores(count=0))
        )

    def test_differing_jobs_are_a_warning(self):
        small = Allocated(cpus=4, memory_bytes=8 * GIB, gpus=None)
        made = plan(plain(running("1"), running("2"), running("3", allocated=small)), Cores(count=48))
        assert warned(made, "differ in cores", ": 3")

    @pytest.mark.parametrize("target", [Cores(count=12), Memory(amount_bytes=GIB)], ids=["cores", "memory"])
    def test_jobs_of_unknown_size_are_refused(self, target):
        nothing = Allocated(cpus=None, memory_bytes=None, gpus=None)
        assert "--jobs" in refusal(plain(running("1", allocated=nothing)), target)

    @pytest.mark.parametrize("target", [Jobs(count=-1), Cores(count=-1), Memory(amount_bytes=-1)], ids=type)
    def test_negative_target_is_refused(self, target):
        assert "0 or more" in refusal(owned(running("1")), target)


class TestScalingDown:
    def test_order_of_release(self):
        seen = owned(running("1", 2), running("2"), running("3", 1), running("4", workers=0), pending("5"))
        made = plan(seen, Jobs(count=0))
        assert released(made) == ["5", "4", "2", "3", "1"]
        assert whys(made) == ["pending", "without workers", "idle", "least busy", "least busy"]
        assert (made.submit, made.after) == (0, times(0))
        assert made.takes_away

    @pytest.mark.parametrize(
        ("more", "less"),
        [
            ({"executing": 1}, {"queued": 9}),
            ({"queued": 1}, {"managed_bytes": 9}),
            ({"managed_bytes": 1}, {"stored": 9}),
            ({"stored": 1}, {}),
            ({"executing": None}, {"executing": 99}),
        ],
        ids=str,
    )
    def test_busier_jobs_stay(self, more, less):
        assert released(plan(owned(running("1", values=less), running("2", values=more)), Jobs(count=1))) == ["1"]

    def test_least_time_left_goes_first_then_newest(self):
        seen = owned(
            running("9", time_left_seconds=900),
            running("10", time_left_seconds=900),
            running("11", time_left_seconds=None),
        )
        assert released(plan(seen, Jobs(count=0))) == ["10", "9", "11"]

    def test_job_ending_soon_goes_first(self):
        seen = owned(running("1", 3, time_left_seconds=299), running("2", 1, time_left_seconds=300), running("3", 9))
        made = plan(seen, Jobs(count=1))
        assert released(made) == ["1", "2"]
        assert whys(made) == ["ends soon", "least busy"]
        assert released(plan(owned(running("4"), *seen.jobs[:1]), Jobs(count=1))) == ["4"], "the idle job is sufficient"

    def test_released_job_has_its_tasks_and_results(self):
        (victim,) = plan(owned(running("7", 1, 2, {"stored": 5}), job("8")), Release(job_ids=("7",))).release
        assert (victim.name, victim.state, victim.why) == ("SLURMCluster-0", "RUNNING", "chosen")
        assert victim.workers == ("tcp://10.1.0.7/7-0", "tcp://10.1.0.7/7-1")
        assert (victim.executing, victim.stored) == (2, 10)
        assert victim.array_task is None

    def test_tasks_and_results_are_warnings(self):
        busy = {"executing": 2, "stored": 5, "managed_bytes": GIB}
        made = plan(owned(running("1", values=busy | {"queued": 9}), running("2", values=busy)), Jobs(count=1))
        assert warned(made, "run 8 tasks")
        assert warned(made, "hold 20 results (4 GiB)")
        assert not warned(made, "free")

    def test_results_that_do_not_fit(self):
        crowded = {"executing": 9, "memory_bytes": int(3.5 * GIB)}
        seen = owned(running("1", values=crowded), running("2", values={"stored": 5, "managed_bytes": GIB}))
        assert warned(plan(seen, Jobs(count=1)), "2 GiB free")

    def test_no_worker_left_to_hold_results(self):
        seen = owned(running("1", values={"stored": 5}), pending("2"))
        made = plan(seen, Jobs(count=0))
        assert made.refusal is not None
        assert made.refusal.startswith("no worker remains to take the 20 results of the jobs to release: keep a job")
        assert "release the futures in the client" in made.refusal
        assert not made.can_be_done
        assert not warned(made, "no worker remains")
        assert plan(seen, Release(job_ids=("1",))).refusal == made.refusal
        retiring = worker("laptop", status="closing_gracefully", stored=0)
        assert plan(replace(seen, unplaced_workers=(retiring,)), Jobs(count=0)).refusal == made.refusal

    @pytest.mark.parametrize("other", [worker("laptop"), worker("laptop", status=None)], ids=["running", "unknown"])
    def test_another_worker_left_to_hold_results(self, other):
        made = plan(replace(owned(running("1", values={"stored": 5})), unplaced_workers=(other,)), Jobs(count=0))
        assert made.can_be_done
        assert not warned(made, "no worker remains")

    @pytest.mark.parametrize("stored", [1, None])
    def test_no_worker_left_but_copies_possible(self, stored):
        """A paused worker may hold copies of these results; only the scheduler knows."""
        paused = worker("laptop", status="paused", stored=stored)
        made = plan(replace(owned(running("1", values={"stored": 5})), unplaced_workers=(paused,)), Jobs(count=0))
        assert made.can_be_done
        assert warned(made, "no worker remains", "20 results")

    def test_pending_jobs_hold_no_results(self):
        assert plan(owned(pending("1")), Jobs(count=0)).can_be_done

    def test_no_worker_left_to_run_tasks(self):
        made = plan(owned(running("1")), Jobs(count=0))
        assert warned(made, "no worker remains")
        assert not warned(made, "result")

    def test_unknown_numbers_are_a_warning(self):
        made = plan(owned(running("1", values={"executing": None, "managed_bytes": None, "stored": 1})), Jobs(count=0))
        assert warned(made, "unknown", "4 workers")

    def test_little_time_left_of_remaining_jobs(self):
        seen = owned(running("1", 1, time_left_seconds=299), running("2", 1, time_left_seconds=300), running("3"))
        made = plan(seen, Jobs(count=2))
        assert released(made) == ["3"]
        assert warned(made, "1, which stays", "4 min 59 s")
        assert not warned(made, "2 stays")

    def test_job_unknown_to_slurm_is_not_counted(self):
        """It may have ended and been forgotten: counting it would release one job too many."""
        made = plan(owned(running("1"), running("2"), running("3"), forgotten=("4",)), Jobs(count=2))
        assert (released(made), made.before.jobs, made.after.jobs) == (["3"], 3, 2)
        assert warned(made, "SLURM does not show 4")
        between = plan(owned(running("1"), running("2"), forgotten=("4",)), Jobs(count=3))
        assert between.changes_nothing

    def test_job_of_unknown_scheduler_is_not_counted(self):
        other = running("2", evidence=(), scheduler_unknown=True)
        for made in (plan(plain(running("1"), other), Jobs(count=1)), plan(plain(running("1"), other), Jobs(count=0))):
            assert made.before.jobs == 1
            assert "2" not in released(made)
            assert warned(made, "job 2 starts dask workers", "neither counted nor released")

    def test_inferred_job_is_a_warning(self):
        made = plan(plain(running("1", 1), running("2", evidence=("host",))), Jobs(count=1))
        assert released(made) == ["2"]
        assert warned(made, "2", "inferred")

    def test_pending_array_tasks_go_together(self):
        rest = pending("54", array_job_id="54", array_task_id="5-9,11%2")
        seen = plain(running("53"), rest, running("55", array_job_id="54", array_task_id="1"))
        made = plan(seen, Jobs(count=2))
        assert (made.before, made.after) == (times(8), times(2))
        assert [victim.array_task for victim in made.release] == ["54_[5-9,11]"]
        assert "--release 54_[5-9,11]" in refusal(seen, Jobs(count=3))
        assert [victim.array_task for victim in plan(seen, Jobs(count=0)).release] == ["54_[5-9,11]", "54_1", None]

    def test_pending_job_before_too_large_array(self):
        rest = pending("54", array_job_id="54", array_task_id="5-9")
        assert released(plan(plain(running("52"), pending("53"), rest), Jobs(count=6))) == ["53"]

    @pytest.mark.parametrize("name", ["dask", "slurm.queue"])
    @pytest.mark.parametrize("state", ["stale", "error", "off"])
    def test_old_data_release_nothing(self, name, state):
        seen = owned(running("1"))
        seen = replace(
            seen,
            sources=tuple(
                replace(one, state=state, error="no answer") if one.name == name else one for one in seen.sources
            ),
        )
        assert "no answer" in refusal(seen, Jobs(count=0))
        assert "no answer" in refusal(seen, Release(job_ids=("1",)))

    def test_missing_source_releases_nothing(self):
        assert "squeue" in refusal(replace(owned(running("1")), sources=(source("dask"),)), Jobs(count=0))


class TestRelease:
    def test_chosen_jobs_are_released(self):
        made = plan(owned(running("1", 3), running("2"), running("3", 3)), Release(job_ids=("3", "1", "3")))
        assert released(made) == ["3", "1"]
        assert whys(made) == ["chosen", "chosen"]
        assert (made.before, made.after) == (times(3), times(1))
        assert made.target == "release 3, 1"

    def test_array_task_by_its_id_in_squeue(self):
        seen = plain(running("55", array_job_id="54", array_task_id="1"), running("56"))
        assert released(plan(seen, Release(job_ids=("54_1",)))) == ["55"]

    def test_job_unknown_to_owner_has_no_name(self):
        seen = owned(running("1"), running("2"), job_ids={"SLURMCluster-7": "2"})
        assert [victim.name for victim in plan(seen, Release(job_ids=("1", "2"))).release] == [None, "SLURMCluster-7"]

    @pytest.mark.parametrize(
        ("job_id", "words"),
        [
            ("999", "is not known to belong to this cluster"),
            ("4", "is not known to belong to this cluster"),
            ("2", "has already ended (reached its time limit of 1 h): --replace-lost"),
            ("3", "is already ending"),
            ("5", "is not yet known to SLURM"),
        ],
    )
    def test_jobs_that_cannot_be_released(self, job_id, words):
        seen = owned(
            running("1"), ended("2"), running("3", state="COMPLETING"), job("4", evidence=()), forgotten=("5",)
        )
        assert words in refusal(seen, Release(job_ids=("1", job_id)))

    def test_uncounted_ended_job_is_not_lost(self):
        text = refusal(plain(ended("1")), Release(job_ids=("1",)))
        assert "has already ended" in text
        assert "--replace-lost" not in text

    def test_no_job_named(self):
        assert "no job to release was given" in refusal(owned(running("1")), Release(job_ids=()))

    def test_only_jobs_of_the_user_are_released(self):
        seen = owned(running("1"), running("2", user="bob"))
        assert released(plan(seen, Release(job_ids=("1",)), user="ada")) == ["1"]
        assert "bob" in refusal(seen, Release(job_ids=("2",)), user="ada")
        assert "bob" in refusal(seen, Jobs(count=1), user="ada")
        assert "bob" in refusal(seen, Jobs(count=9), user="ada")


class TestJobOfTheScheduler:
    """A script that starts both, or a runner such as dask-jobqueue's `SLURMRunner`."""

    def seen(self, *jobs: Job) -> Snapshot:
        return plain(*jobs, cluster=cluster(owner=None, scheduler_job_id="1"))

    def test_it_is_not_released(self):
        both = self.seen(running("1"), running("2", executing=3))
        assert released(plan(both, Jobs(count=1))) == ["2"]
        assert refusal(both, Jobs(count=0)) == "0 jobs: job 1 runs the scheduler itself, so it cannot be released"
        assert "job 1 runs the scheduler itself: releasing it" in refusal(both, Release(job_ids=("2", "1")))

    def test_it_is_not_resubmitted(self):
        assert plan(self.seen(running("1"), running("2")), Jobs(count=3)).submit == 1
        only = self.seen(running("1"))
        assert "job 1 runs the scheduler itself: submit one with sbatch" in refusal(only, Jobs(count=2))


class TestLost:
    def test_each_lost_job_is_replaced(self):
        made = plan(owned(ended("1"), running("2"), ended("3")), ReplaceLost())
        assert made.submit == 2
        assert [(lost.job_id, lost.name) for lost in made.replace] == [("1", "SLURMCluster-0"), ("3", "SLURMCluster-2")]
        assert (made.before, made.after) == (times(1), times(3))
        assert not made.takes_away

    def test_all_jobs_are_lost(self):
        made = plan(owned(ended("1")), ReplaceLost())
        assert (made.submit, made.before, made.after) == (1, times(0), times(1))

    def test_early_failure_is_a_warning(self):
        made = plan(owned(failed("1"), running("2")), ReplaceLost())
        assert made.warnings == (
            "the script of 1 may fail again: it failed soon after its start (failed with exit code 127: python: not "
            "found); read its log first",
        )
        assert [lost.failed_soon for lost in made.replace] == [True]
        assert made.can_be_done
        several = plan(owned(failed("1"), failed("2"), ended("3")), ReplaceLost())
        assert [lost.failed_soon for lost in several.replace] == [True, True, False]
        assert warned(several, "the scripts of 1, 2 may fail again")
        assert warned(plan(owned(failed("1"), running("2")), Jobs(count=2)), "the script of 1 may fail again")

    @pytest.mark.parametrize(
        "seen",
        [
            ended("1"),
            ended("1", "FAILED", "killed by signal 9 (SIGKILL)"),
            replace(ended("1", "FAILED"), fate=None),
        ],
        ids=["not failed", "without an exit code", "unknown end"],
    )
    def test_other_ends_are_no_warning(self, seen):
        assert plan(owned(seen), ReplaceLost()).warnings == ()

    def test_late_failure_is_no_warning(self):
        fate = failed("1").fate
        for ran_seconds, is_warned in ((299, True), (300, False)):
            started_at = fate.ended_at - timedelta(seconds=ran_seconds)
            made = plan(owned(failed("1", started_at=started_at)), ReplaceLost())
            assert warned(made, "may fail again") == is_warned
        assert warned(plan(owned(failed("1", started_at=None)), ReplaceLost()), "may fail again")
        has_a_worker = failed("1", tasks=(task([worker()]),))
        assert plan(owned(has_a_worker), ReplaceLost()).warnings == ()

    def test_no_job_is_lost(self):
        made = plan(owned(running("1"), pending("2"), forgotten=("3",)), ReplaceLost())
        assert made.changes_nothing
        assert made.reckoning == "no job is lost"

    def test_no_lost_jobs_without_owner(self):
        made = plan(plain(ended("1"), running("2")), ReplaceLost())
        assert made.changes_nothing
        assert "no SLURMCluster" in str(made.reckoning)


def test_jobs_that_slurm_refused_are_a_warning():
    made = plan(owned(running("1"), not_submitted=("b",), submit_error="sbatch: error: no"), Jobs(count=2))
    assert warned(made, "the cluster object could not submit 1 job (sbatch: error: no)")


def test_tasks_and_results_may_be_unknown():
    """Its workers hold the GIL, and send no heartbeat with their tasks."""
    seen = owned(running("1", values={"executing": None, "queued": None, "stored": None}), running("2", executing=1))
    (chosen,) = plan(seen, Jobs(count=1)).release
    assert chosen.job_id == "2"
    (chosen,) = plan(seen, Release(job_ids=("1",))).release
    assert (chosen.executing, chosen.stored) == (None, None)
    _, row = job_lines(plan(seen, Release(job_ids=("1",))))
    assert row.count("–") == 2
    assert whys(plan(seen, Jobs(count=0))) == ["least busy", "least busy"], "not 'idle', not 'runs nothing yet'"


class TestAdapting:
    BOUNDS = Adaptive(minimum=8, maximum=40)  # in workers: 2 to 10 jobs

    def test_turn_on(self):
        made = plan(owned(running("1")), Adapt(bounds=Adaptive(minimum=2, maximum=10)))
        assert made.adapt == Adaptive(minimum=2, maximum=10)
        assert (made.submit, made.release) == (0, ())
        assert (made.before, made.after) == (times(1), times(2))
        assert not made.changes_nothing
        assert made.warnings == ()

    def test_bounds_below_current_size_release_jobs(self):
        made = plan(owned(running("1"), running("2")), Adapt(bounds=Adaptive(minimum=0, maximum=1)))
        assert made.after == times(1)
        assert made.takes_away
        assert warned(made, "1 job above the maximum")

    def at_rest(self, *jobs: Job) -> Snapshot:
        seen = owned(*jobs)
        return replace(seen, cluster=replace(seen.cluster, task_counts={"memory": 3}))

    def test_idle_jobs_go_down_to_the_minimum(self):
        """Measured with 4 idle jobs and 2:4: two were released within 15 s, without confirmation."""
        made = plan(self.at_rest(*map(running, "1234")), Adapt(bounds=Adaptive(minimum=2, maximum=4)))
        assert (made.before, made.after) == (times(4), times(2))
        assert made.takes_away
        assert warned(made, "2 jobs are idle", "immediately")
        assert warned(made, "down to 2", "without confirmation")

    def test_busy_jobs_may_go_later(self):
        seen = self.at_rest(running("1"), running("2", executing=1), running("3", executing=1))
        made = plan(seen, Adapt(bounds=Adaptive(minimum=1, maximum=4)))
        assert made.after == times(2)
        assert plan(replace(seen, jobs=seen.jobs[1:]), Adapt(bounds=Adaptive(minimum=1, maximum=4))).takes_away

    def test_waiting_tasks_keep_all_jobs(self):
        made = plan(owned(*map(running, "1234")), Adapt(bounds=Adaptive(minimum=2, maximum=4)))
        assert made.after == times(4)
        assert made.takes_away

    def test_fewer_jobs_than_the_minimum_only_grow(self):
        assert not plan(self.at_rest(running("1")), Adapt(bounds=Adaptive(minimum=1, maximum=4))).takes_away

    def test_same_identity_while_idle_jobs_change(self):
        bounds = Adapt(bounds=Adaptive(minimum=1, maximum=4))
        idle, busy = self.at_rest(*map(running, "123")), self.at_rest(running("1"), running("2"), running("3", 1))
        assert plan(idle, bounds).identity == plan(busy, bounds).identity
        assert plan(idle, bounds).identity != plan(self.at_rest(*map(running, "12")), bounds).identity

    def test_no_maximum(self):
        made = plan(owned(running("1")), Adapt(bounds=Adaptive(minimum=0, maximum=None)))
        assert made.before == made.after
        assert warned(made, "without a maximum")

    def test_same_bounds_change_nothing(self):
        seen = owned(running("1"), adaptive=self.BOUNDS)
        assert plan(seen, Adapt(bounds=Adaptive(minimum=2, maximum=10))).changes_nothing
        assert plan(seen, Adapt(bounds=Adaptive(minimum=2, maximum=11))).adapt == Adaptive(minimum=2, maximum=11)
        assert plan(seen, Adapt(bounds=Adaptive(minimum=2, maximum=None))).adapt is not None

    def test_turn_off(self):
        made = plan(owned(running("1"), adaptive=self.BOUNDS), Adapt(bounds=None))
        assert made.stop_adapting
        assert made.before == made.after
        assert made.warnings == ()

    def test_off_already_changes_nothing(self):
        for seen in (owned(running("1")), plain(running("1"))):
            assert plan(seen, Adapt(bounds=None)).changes_nothing

    @pytest.mark.parametrize("bounds", [(3, 2), (-1, 2), (-2, -1)], ids=str)
    def test_invalid_bounds(self, bounds):
        assert "--adapt MIN:MAX" in refusal(owned(), Adapt(bounds=Adaptive(minimum=bounds[0], maximum=bounds[1])))

    def test_adapting_needs_a_cluster_object(self):
        assert "--jobs" in refusal(plain(running("1")), Adapt(bounds=Adaptive(minimum=1, maximum=2)))

    @pytest.mark.parametrize("target", [Jobs(count=1), Jobs(count=3), Release(job_ids=("1",))], ids=str)
    def test_manual_scaling_turns_adaptive_scaling_off(self, target):
        made = plan(owned(running("1"), running("2"), adaptive=self.BOUNDS), target)
        assert warned(made, "adaptive scaling is on (8 to 40 workers)", "--no-adapt")


@pytest.mark.parametrize("target", [Jobs(count=1), Release(job_ids=("1",)), ReplaceLost(), Adapt(bounds=None)], ids=str)
def test_no_plan_without_a_scheduler(target):
    seen = owned(running("1"))
    silent = replace(seen, cluster=replace(seen.cluster, scheduler_id=None))
    assert "the scheduler has not answered" in refusal(silent, target)


def test_no_release_before_squeue_has_answered():
    """Before squeue has answered, neither "nothing to do" nor a release would be right."""
    silent = source("slurm.queue", state="error", age_seconds=None, error="squeue: no answer within 10 s")
    seen = replace(owned(forgotten=("1", "2")), sources=(source("dask"), silent))
    assert refusal(seen, Jobs(count=1)) == (
        "squeue has not answered yet (squeue: no answer within 10 s): no job is released without current data"
    )
    assert plan(seen, Jobs(count=2)).changes_nothing
    assert plan(seen, Jobs(count=3)).submit == 1


# What holds for any snapshot and target. Few choices a job, so that many clusters are tried in little time.

few = st.integers(0, 3)
some = st.one_of(st.none(), few)
LOADS = [(0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 1, 1), (0, 2, 0, 0), (1, 0, 0, 0), (3, 5, 2, 9), (None, None, None, None)]
STATES = [*["RUNNING"] * 4, *["PENDING"] * 2, "SUSPENDED", "COMPLETING", "TIMEOUT", "CANCELLED by 7", None]
EVIDENCE = [("owner", "environment"), ("owner",), ("environment",), ("host",), ()]
ARRAY_TASKS = [None, None, None, "7", "1-3", "2,5-9%2"]
ALLOCATED = [
    Allocated(cpus=cpus, memory_bytes=memory, gpus=None) for cpus, memory in ((2, 3), (2, 3), (3, 1), (None, None))
]


def drawn_job(state, loads, evidence, array_task, allocated, expected, time_left) -> Job:
    fields = ("executing", "queued", "managed_bytes", "stored")
    in_array = state == "PENDING" and array_task is not None
    return job(
        "0",
        [task([worker(**dict(zip(fields, load, strict=True))) for load in loads])]
        if state not in ("PENDING", None)
        else [],
        state=state,
        evidence=evidence,
        array_job_id="0" if in_array else None,
        array_task_id=array_task if in_array else None,
        allocated=allocated,
        workers_expected=expected,
        time_left_seconds=time_left,
    )


drawn_jobs = st.builds(
    drawn_job,
    st.sampled_from(STATES),
    st.lists(st.sampled_from(LOADS), max_size=2),
    st.sampled_from(EVIDENCE),
    st.sampled_from(ARRAY_TASKS),
    st.sampled_from(ALLOCATED),
    some,
    some,
)


def drawn_cluster(
    jobs: list[Job],
    stated: tuple[int | None, ...],
    adaptive: Adaptive | None,
    has_owner: bool,
    scheduler_job_id: str | None = None,
) -> Snapshot:
    numbered = [replace(job, job_id=str(number)) for number, job in enumerate(jobs, 8)]
    stock = cluster().owner
    assert stock is not None
    owner = replace(
        stock,
        job_ids={f"SLURMCluster-{one.job_id}": one.job_id for one in numbered if "owner" in one.evidence},
        adaptive=adaptive,
        cores_per_job=stated[0],
        memory_per_job_bytes=stated[1],
        processes_per_job=stated[2],
    )
    return snapshot(numbered, cluster=cluster(owner=owner if has_owner else None, scheduler_job_id=scheduler_job_id))


clusters = st.builds(
    drawn_cluster,
    st.lists(drawn_jobs, max_size=7),
    st.tuples(some, some, some),
    st.sampled_from([None, None, Adaptive(minimum=0, maximum=4)]),
    st.booleans(),
    st.sampled_from([None, None, "8", "9"]),
)
targets = st.one_of(
    st.builds(Jobs, count=st.integers(-1, 12)),
    st.builds(Change, by=st.integers(-5, 5)),
    st.builds(Cores, count=st.integers(-1, 30)),
    st.builds(Memory, amount_bytes=st.integers(-1, 30)),
    st.builds(Release, job_ids=st.lists(st.sampled_from(["8", "9", "10", "11"]), max_size=2).map(tuple)),
    st.just(ReplaceLost()),
    st.builds(Adapt, bounds=st.one_of(st.none(), st.builds(Adaptive, minimum=few, maximum=some))),
)


def plan_or_none(seen: Snapshot, target: Target) -> ScalePlan | None:
    """Return the plan; None if there is none, for which only `PlanError` may be raised."""
    try:
        return plan(seen, target)
    except PlanError:
        return None


def is_there(job: Job) -> bool:
    """Whether a job belongs to the cluster, and runs or is pending according to SLURM or dask."""
    known = job.state is not None or any(workers_of(job))
    return bool(job.evidence) and known and not has_ended(job) and job.state != "COMPLETING"


def is_busy(job: Job) -> bool:
    return any(worker.executing != 0 for worker in workers_of(job))


@given(clusters, targets)
def test_plans_never_submit_and_release(seen, target):
    made = plan_or_none(seen, target)
    assume(made is not None)
    gone = [job for job in seen.jobs if job.job_id in released(made)]
    assert made.submit >= 0
    for size in (made.before, made.after):
        assert all(part is None or part >= 0 for part in (getattr(size, name) for name in Size.__struct_fields__))
    assert not (made.submit and made.release)
    assert len(made.replace) <= made.submit
    assert len(made.replace) == made.submit or not isinstance(target, ReplaceLost)
    assert made.before == made.after or not made.changes_nothing
    assert made.after.jobs - made.before.jobs == made.submit - number_of_jobs(gone) or made.adapt
    assert len(gone) == len(made.release)
    assert all(map(is_there, gone))
    assert seen.cluster.scheduler_job_id not in released(made)


@given(clusters, st.integers(0, 9))
def test_idle_jobs_go_before_busy_ones(seen, wanted):
    made = plan_or_none(seen, Jobs(count=wanted))
    assume(made is not None)
    there = [job for job in seen.jobs if is_there(job)]
    unseen = [job for job in seen.jobs if job.evidence and job.state is None]
    going = [job for job in there if job.job_id in released(made)]
    staying = [job for job in there if job not in going]
    if made.submit:
        assert number_of_jobs(there) + len(unseen) + made.submit == wanted
    elif made.release:
        assert number_of_jobs(staying) == wanted
        could_go = [job for job in staying if job.job_id != seen.cluster.scheduler_job_id]
        assert all(map(is_busy, could_go)) or not any(map(is_busy, going))
        assert all(map(is_pending, going)) or not any(map(is_pending, could_go))
    else:
        assert number_of_jobs(there) <= wanted <= number_of_jobs(there) + len(unseen)


@given(clusters, st.integers(0, 9))
def test_choice_does_not_depend_on_order(seen, wanted):
    made = plan_or_none(seen, Jobs(count=wanted))
    assume(made is not None)
    again = plan(seen, Jobs(count=wanted), preferred=released(made)[::-1])
    assert (released(again), again.warnings) == (released(made), made.warnings)


@given(clusters, st.integers(-5, 5))
def test_change_is_by_the_requested_number(seen, by):
    made = plan_or_none(seen, Change(by=by))
    assume(made is not None)
    gone = [job for job in seen.jobs if job.job_id in released(made)]
    assert made.submit - number_of_jobs(gone) == by
    assert not (made.release if by >= 0 else made.submit)


@given(clusters, targets)
def test_plan_does_not_depend_on_order(seen, target):
    made, other = plan_or_none(seen, target), plan_or_none(replace(seen, jobs=seen.jobs[::-1]), target)
    assert (made is None) == (other is None)
    assume(made is not None)
    assert (made.release, made.submit, made.before) == (other.release, other.submit, other.before)


def test_one_job_more_or_less():
    there = owned(running("4709"), running("4710", executing=3))
    assert plan(there, Change(by=1)).target == "add 1 job"
    assert plan(there, Change(by=1)).after == times(3)
    assert released(plan(there, Change(by=-1))) == ["4709"]
    with pytest.raises(PlanError, match=r"^remove 3 jobs: there are only 2 jobs to remove$"):
        plan(there, Change(by=-3))
    with pytest.raises(PlanError, match=r"^remove 1 job: there is no job to remove$"):
        plan(owned(), Change(by=-1))


def test_everyday_cluster_scales_both_ways():
    assert plan(everyday(), Jobs(count=20)).submit == 9
    assert released(plan(everyday(), Jobs(count=4))) == ["4716", "4715"]
