"""Recommended requests: for each rule, cases in which it applies and cases in which it just does not."""

from datetime import timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.usage import UsageAccumulator
from dasktop.collectors.model.report import Advice
from dasktop.collectors.model.snapshot import Adaptive, Snapshot, WorkerEvent
from tests.support.snapshots import GIB, TAKEN_AT, cluster
from tests.support.usage_timeline import GB, FakeJob, snapshot_at, snapshots_of

HOUR = 3600.0
NO_OWNER = cluster(owner=None)


def advice(*fake_jobs: FakeJob, until: float = HOUR, **values: object) -> dict[str, Advice]:
    """Return the recommendations after an hour, by parameter; by default, no owner reports the request."""
    taken = UsageAccumulator(10.0)
    for shown in snapshots_of(fake_jobs, until, every=10.0):
        taken.add(replace(shown, **{"cluster": NO_OWNER} | values))
    advised = taken.report().advice
    assert len({advice.parameter for advice in advised}) == len(advised)
    return {advice.parameter: advice for advice in advised}


def fitting(job_id: str = "1", **values: object) -> FakeJob:
    """Return a job whose request fits: it uses half of its memory and all of its threads."""
    values_that_fit = {"memory_bytes": 16 * GB, "memory_share": lambda seconds: 0.5, "limit_seconds": 5400}
    return FakeJob(job_id, **values_that_fit | values)


def test_fitting_request_is_kept():
    assert advice(fitting()) == {}
    assert advice(fitting(ended=HOUR), until=HOUR + 60) == {}


class TestMemory:
    def test_less_if_much_was_never_used(self):
        advised = advice(fitting(memory_share=lambda seconds: 0.275))["memory"]
        assert (advised.request, advised.instead_of) == ('memory="8GB"', "16GB")
        assert advised.evidence == "in job 1, 4 processes used at most 1.1 of 4.0 GB each"
        assert "60%" in advised.reason

    def test_one_recommendation_for_a_group(self):
        fake_jobs = [fitting(str(number), memory_share=lambda seconds: 0.275) for number in range(8)]
        advised = advice(*fake_jobs)["memory"]
        assert advised.evidence == "in each of 8 jobs, 4 processes used at most 1.1 of 4.0 GB each"
        assert advised.job_ids == tuple("01234567")

    def test_peak_of_the_group_counts(self):
        low, high = (
            fitting("1", memory_share=lambda seconds: 0.1),
            fitting("2", memory_share=lambda seconds: 0.5),
        )
        assert "memory" not in advice(low, high)

    def test_short_peak_counts(self):
        def spike(seconds: float) -> float:
            return 0.5 if 1000 <= seconds < 1010 else 0.1

        assert "memory" not in advice(fitting(memory_share=spike))

    def test_small_saving_is_not_recommended(self):
        assert "memory" not in advice(fitting(memory_share=lambda seconds: 0.46))

    def test_short_observation_is_not_enough(self):
        assert advice(fitting(memory_share=lambda seconds: 0.1), until=590) == {}
        assert "memory" in advice(fitting(memory_share=lambda seconds: 0.1), until=620)

    def test_more_near_the_limit(self):
        advised = advice(fitting(memory_share=lambda seconds: 0.9))["memory"]
        assert (advised.request, advised.instead_of) == ('memory="24GB"', "16GB")
        assert advised.evidence == "in job 1, a process used up to 3.6 of 4.0 GB"

    def test_more_if_results_were_spilled(self):
        def spilling(shown: Snapshot) -> Snapshot:
            [shown_job] = shown.jobs
            [held] = shown_job.tasks
            workers = tuple(replace(worker, spilled_bytes=GB) for worker in held.workers)
            return replace(shown, jobs=(replace(shown_job, tasks=(replace(held, workers=workers),)),))

        taken = UsageAccumulator(10.0)
        for shown in snapshots_of([fitting(memory_share=lambda seconds: 0.6)], HOUR, every=10.0):
            taken.add(spilling(replace(shown, cluster=NO_OWNER)))
        [advised] = taken.report().advice
        assert advised.request == 'memory="23GB"'
        assert advised.evidence.endswith("2.4 of 4.0 GB and had spilled 1.0 GB to disk")

    def test_more_if_it_ran_out(self):
        killed = fitting("1", ended=300, state="OUT_OF_MEMORY", max_rss_bytes=17 * GB, memory_share=lambda seconds: 0.3)
        advised = advice(killed, fitting("2"))["memory"]
        assert advised.request == 'memory="29GB"'
        assert advised.evidence == "1 of 2 jobs ran out of memory; one SLURM task used 17 GB"

    def test_more_if_nannies_killed_workers(self):
        kill = WorkerEvent(
            at=TAKEN_AT, worker="w", job_id="1", kind="killed for memory", memory_bytes=4 * GB, limit_bytes=4 * GB
        )
        both = kill, replace(kill, at=TAKEN_AT + timedelta(seconds=5))
        advised = advice(fitting("1"), fitting("2"), worker_events=both)["memory"]
        assert (advised.request, advised.instead_of) == ('memory="27GB"', "16GB")
        assert advised.evidence == (
            "1 of 2 jobs: nannies killed workers 2 times because of the memory use; a process used up to 4.0 of 4.0 GB"
        )
        assert "smaller partitions" in advised.reason
        [unknown] = advice(fitting(), worker_events=(replace(kill, memory_bytes=None),)).values()
        assert unknown.request == 'memory="24GB"'
        assert "memory" not in advice(fitting(), worker_events=(replace(kill, job_id="9"),))

    def test_owner_reports_the_old_request(self):
        owned = cluster()
        assert owned.owner is not None
        advised = advice(fitting(memory_bytes=16 * GIB, memory_share=lambda seconds: 0.2), cluster=owned)["memory"]
        assert advised.instead_of == "16GiB"

    def test_one_snapshot_suffices_with_samples_by_slurm(self):
        shown = snapshot_at([fitting(started=-HOUR, memory_share=lambda seconds: 0.1)], 0.0, cluster=NO_OWNER)
        [shown_job] = shown.jobs

        def after(max_rss_bytes: int, tasks: int = 1) -> tuple[Advice, ...]:
            sampled = (replace(shown_job.tasks[0], max_rss_bytes=max_rss_bytes),) * tasks
            taken = UsageAccumulator()
            taken.add(replace(shown, jobs=(replace(shown_job, tasks=sampled),)))
            return taken.report().advice

        [memory] = after(3 * GB)
        assert memory.request == 'memory="5GB"'
        assert memory.evidence == "in job 1, at most 3.0 of 16 GB were used, as sampled by SLURM"
        assert after(10 * GB) == ()
        assert after(3 * GB, tasks=2) == (), "the highest of several tasks is not their sum"


class TestCores:
    def test_fewer_if_most_threads_were_never_busy(self):
        advised = advice(fitting(busy=lambda seconds: 1 / 3))["cores"]
        assert (advised.request, advised.instead_of) == ("cores=4", "12")
        assert advised.evidence == "in job 1, at most 4 of 12 threads were busy at the same time"

    def test_not_if_they_were_busy_once(self):
        assert advice(fitting(busy=lambda seconds: 1.0 if 1000 <= seconds < 1010 else 0.2)) == {}

    def test_not_if_other_programs_use_the_cpus(self):
        busy = fitting(busy=lambda seconds: 1 / 3, ended=HOUR, cpu_seconds_by_slurm=40_000, limit_seconds=3600)
        assert "cores" not in advice(busy, until=HOUR + 60)

    def test_not_if_a_task_uses_several_cores(self):
        assert "cores" not in advice(fitting(busy=lambda seconds: 1 / 3, cpu_per_task=290.0))

    def test_not_if_nothing_ran(self):
        assert "cores" not in advice(fitting(busy=lambda seconds: 0.0))


class TestProcesses:
    def test_more_if_the_gil_limits_a_process(self):
        advised = advice(fitting(cpu_per_task=34.0))["processes"]
        assert (advised.request, advised.instead_of) == ("processes=12", "4")
        assert advised.evidence == "in job 1, a process that ran 3.0 tasks at once used 1.0 CPUs"

    def test_not_if_threads_wait_or_compute(self):
        assert "processes" not in advice(fitting(cpu_per_task=10.0)), "they wait for something else"
        assert "processes" not in advice(fitting(cpu_per_task=95.0))

    def test_not_with_one_process_per_thread(self):
        assert "processes" not in advice(fitting(processes=12, cpu_per_task=100.0))


class TestWalltime:
    def test_less_if_all_ended_long_before(self):
        fake_jobs = [fitting(str(number), ended=1700.0 + number, limit_seconds=14_400) for number in range(3)]
        advised = advice(*fake_jobs)["walltime"]
        assert (advised.request, advised.instead_of) == ('walltime="00:40:00"', "04:00:00")
        assert advised.evidence == "in each of 3 jobs, at most 28 min 22 s of 4 h were used"

    def test_not_while_one_still_runs(self):
        assert "walltime" not in advice(
            fitting("1", ended=1700.0, limit_seconds=14_400), fitting("2", limit_seconds=14_400)
        )

    def test_not_if_it_was_used(self):
        assert "walltime" not in advice(fitting(ended=1900.0, limit_seconds=3600))

    def test_more_if_it_was_reached(self):
        advised = advice(
            fitting("1", ended=1800.0, state="TIMEOUT", limit_seconds=1800), fitting("2", limit_seconds=1800)
        )
        assert advised["walltime"].request == 'walltime="01:00:00"'
        assert advised["walltime"].evidence == "1 of 2 jobs reached the time limit of 30 min"
        assert "--lifetime" in advised["walltime"].reason


class TestJobs:
    def test_fewer_if_most_threads_were_never_busy(self):
        fake_jobs = [fitting(str(number), busy=lambda seconds: 1 / 3) for number in range(4)]
        advised = advice(*fake_jobs)
        assert advised["jobs"].request == "cluster.scale(jobs=2)"
        assert advised["jobs"].evidence == "at most 16 of 48 threads were busy at the same time"
        assert "cores" not in advised, "only one of the two is recommended"

    def test_fewer_if_they_worked_in_turn(self):
        def in_turn(number: int):
            return lambda seconds: 1.0 if number <= seconds / 1800 < number + 1 else 0.0

        advised = advice(*(fitting(str(number), busy=in_turn(number)) for number in (0, 1)))
        assert advised["jobs"].request == "cluster.scale(jobs=1)"

    def test_not_if_they_worked_together_once(self):
        def once(seconds: float) -> float:
            return 1.0 if 1000 <= seconds < 1010 else 0.4

        assert advice(fitting("1", busy=once), fitting("2", busy=once)) == {}

    def test_adaptive_if_nothing_ran_for_long(self):
        advised = advice(fitting(busy=lambda seconds: float(seconds < 2400)))["jobs"]
        assert advised.request == "cluster.adapt(minimum_jobs=0, maximum_jobs=1)"
        assert advised.evidence == "no task ran in 33% of the core-hours"

    def test_not_if_already_adaptive(self):
        owned = cluster()
        assert owned.owner is not None
        adaptive = replace(owned, owner=replace(owned.owner, adaptive=Adaptive(minimum=0, maximum=4)))
        assert "jobs" not in advice(fitting(busy=lambda seconds: float(seconds < 2400)), cluster=adaptive)
        fake_jobs = [fitting(str(number), busy=lambda seconds: 1 / 3) for number in range(4)]
        assert advice(*fake_jobs, cluster=adaptive)["jobs"].request == "cluster.adapt(maximum_jobs=2)"
