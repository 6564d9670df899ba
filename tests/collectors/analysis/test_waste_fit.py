"""What a better-fitting request would be: each rule where it speaks, and where it just doesn't."""

from msgspec.structs import replace

from dasktop.collectors.analysis.usage import UsageAccumulator
from dasktop.collectors.model.report import Advice
from dasktop.collectors.model.snapshot import Adaptive, Snapshot
from tests.support.snapshots import GIB, cluster
from tests.support.waste_story import GB, Life, look, watch

HOUR = 3600.0
NO_OWNER = cluster(owner=None)


def advice(*lives: Life, until: float = HOUR, **values: object) -> dict[str, Advice]:
    """Return what is advised after an hour, by parameter; by default there is no owner to tell what was asked for."""
    taken = UsageAccumulator(10.0)
    for shown in watch(lives, until, every=10.0):
        taken.add(replace(shown, **{"cluster": NO_OWNER} | values))
    told = taken.report().advice
    assert len({advice.parameter for advice in told}) == len(told)
    return {advice.parameter: advice for advice in told}


def life(job_id: str = "1", **values: object) -> Life:
    """Return the life of a job that fits: it uses half of its memory, and all its threads."""
    fitting = {"memory_bytes": 16 * GB, "memory_share": lambda seconds: 0.5, "limit_seconds": 5400}
    return Life(job_id, **fitting | values)


def test_what_fits_is_left_alone():
    assert advice(life()) == {}
    assert advice(life(ended=HOUR), until=HOUR + 60) == {}


class TestMemory:
    def test_less_where_much_was_never_used(self):
        told = advice(life(memory_share=lambda seconds: 0.275))["memory"]
        assert (told.request, told.instead_of) == ('memory="8GB"', "16GB")
        assert told.evidence == "in job 1, 4 processes used at most 1.1 of 4.0 GB each"
        assert "60%" in told.reason

    def test_one_sentence_for_jobs_that_are_alike(self):
        lives = [life(str(number), memory_share=lambda seconds: 0.275) for number in range(8)]
        told = advice(*lives)["memory"]
        assert told.evidence == "in each of 8 jobs, 4 processes used at most 1.1 of 4.0 GB each"
        assert told.job_ids == tuple("01234567")

    def test_the_highest_of_them_counts(self):
        low, high = life("1", memory_share=lambda seconds: 0.1), life("2", memory_share=lambda seconds: 0.5)
        assert "memory" not in advice(low, high)

    def test_a_moment_is_enough_to_need_it(self):
        def spike(seconds: float) -> float:
            return 0.5 if 1000 <= seconds < 1010 else 0.1

        assert "memory" not in advice(life(memory_share=spike))

    def test_what_would_save_little_is_not_told(self):
        assert "memory" not in advice(life(memory_share=lambda seconds: 0.46))

    def test_what_was_hardly_seen_proves_nothing(self):
        assert advice(life(memory_share=lambda seconds: 0.1), until=590) == {}
        assert "memory" in advice(life(memory_share=lambda seconds: 0.1), until=620)

    def test_more_where_processes_came_near_their_limit(self):
        told = advice(life(memory_share=lambda seconds: 0.9))["memory"]
        assert (told.request, told.instead_of) == ('memory="24GB"', "16GB")
        assert told.evidence == "in job 1, a process held up to 3.6 of 4.0 GB"

    def test_more_where_results_went_to_disk(self):
        def spilling(shown: Snapshot) -> Snapshot:
            [told] = shown.jobs
            [held] = told.tasks
            workers = tuple(replace(worker, spilled_bytes=GB) for worker in held.workers)
            return replace(shown, jobs=(replace(told, tasks=(replace(held, workers=workers),)),))

        taken = UsageAccumulator(10.0)
        for shown in watch([life(memory_share=lambda seconds: 0.6)], HOUR, every=10.0):
            taken.add(spilling(replace(shown, cluster=NO_OWNER)))
        [told] = taken.report().advice
        assert told.request == 'memory="23GB"'
        assert told.evidence.endswith("2.4 of 4.0 GB and had moved 1.0 GB to disk")

    def test_more_where_it_ran_out(self):
        killed = life("1", ended=300, state="OUT_OF_MEMORY", max_rss_bytes=17 * GB, memory_share=lambda seconds: 0.3)
        told = advice(killed, life("2"))["memory"]
        assert told.request == 'memory="29GB"'
        assert told.evidence == "1 of 2 jobs ran out of memory; one SLURM task held 17 GB"

    def test_what_the_owner_was_asked_for_is_what_it_is_instead_of(self):
        owned = cluster()
        assert owned.owner is not None
        told = advice(life(memory_bytes=16 * GIB, memory_share=lambda seconds: 0.2), cluster=owned)["memory"]
        assert told.instead_of == "17.2GB"

    def test_by_what_slurm_has_sampled_one_look_is_enough(self):
        shown = look([life(started=-HOUR, memory_share=lambda seconds: 0.1)], 0.0, cluster=NO_OWNER)
        [told] = shown.jobs

        def after(max_rss_bytes: int, tasks: int = 1) -> tuple[Advice, ...]:
            sampled = (replace(told.tasks[0], max_rss_bytes=max_rss_bytes),) * tasks
            taken = UsageAccumulator()
            taken.add(replace(shown, jobs=(replace(told, tasks=sampled),)))
            return taken.report().advice

        [memory] = after(3 * GB)
        assert memory.request == 'memory="5GB"'
        assert memory.evidence == "in job 1, at most 3.0 of 16 GB were in use, as SLURM has sampled it"
        assert after(10 * GB) == ()
        assert after(3 * GB, tasks=2) == (), "of several tasks the highest one tells nothing of their sum"


class TestCores:
    def test_fewer_where_most_threads_never_ran(self):
        told = advice(life(busy=lambda seconds: 1 / 3))["cores"]
        assert (told.request, told.instead_of) == ("cores=4", "12")
        assert told.evidence == "in job 1, at most 4 of 12 threads ever ran at the same time"

    def test_not_where_they_did_once(self):
        assert advice(life(busy=lambda seconds: 1.0 if 1000 <= seconds < 1010 else 0.2)) == {}

    def test_not_where_tasks_start_programs_that_use_the_cpus(self):
        busy = life(busy=lambda seconds: 1 / 3, ended=HOUR, cpu_seconds_by_slurm=40_000, limit_seconds=3600)
        assert "cores" not in advice(busy, until=HOUR + 60)

    def test_not_where_a_task_takes_several_cores(self):
        assert "cores" not in advice(life(busy=lambda seconds: 1 / 3, cpu_per_task=290.0))

    def test_not_where_nothing_ran_at_all(self):
        assert "cores" not in advice(life(busy=lambda seconds: 0.0))


class TestProcesses:
    def test_more_where_a_process_computes_with_one_thread_at_a_time(self):
        told = advice(life(cpu_per_task=34.0))["processes"]
        assert (told.request, told.instead_of) == ("processes=12", "4")
        assert told.evidence == "in job 1, a process that ran 3.0 tasks at once used 1.0 CPUs"

    def test_not_where_threads_wait_or_work(self):
        assert "processes" not in advice(life(cpu_per_task=10.0)), "they wait for something else"
        assert "processes" not in advice(life(cpu_per_task=95.0))

    def test_not_where_there_is_a_process_for_each(self):
        assert "processes" not in advice(life(processes=12, cpu_per_task=100.0))


class TestWalltime:
    def test_less_where_all_ended_long_before(self):
        lives = [life(str(number), ended=1700.0 + number, limit_seconds=14_400) for number in range(3)]
        told = advice(*lives)["walltime"]
        assert (told.request, told.instead_of) == ('walltime="00:40:00"', "04:00:00")
        assert told.evidence == "in each of 3 jobs, at most 28 min 22 s of 4 h were used"

    def test_not_while_one_still_runs(self):
        assert "walltime" not in advice(life("1", ended=1700.0, limit_seconds=14_400), life("2", limit_seconds=14_400))

    def test_not_where_it_was_used(self):
        assert "walltime" not in advice(life(ended=1900.0, limit_seconds=3600))

    def test_more_where_it_was_reached(self):
        told = advice(life("1", ended=1800.0, state="TIMEOUT", limit_seconds=1800), life("2", limit_seconds=1800))
        assert told["walltime"].request == 'walltime="01:00:00"'
        assert told["walltime"].evidence == "1 of 2 jobs reached the time limit of 30 min"
        assert "--lifetime" in told["walltime"].reason


class TestJobs:
    def test_fewer_where_most_threads_of_all_never_ran(self):
        lives = [life(str(number), busy=lambda seconds: 1 / 3) for number in range(4)]
        told = advice(*lives)
        assert told["jobs"].request == "cluster.scale(jobs=2)"
        assert told["jobs"].evidence == "at most 16 of 48 threads ever ran at the same time"
        assert "cores" not in told, "one or the other"

    def test_fewer_where_they_worked_in_turn(self):
        def in_turn(number: int):
            return lambda seconds: 1.0 if number <= seconds / 1800 < number + 1 else 0.0

        told = advice(*(life(str(number), busy=in_turn(number)) for number in (0, 1)))
        assert told["jobs"].request == "cluster.scale(jobs=1)"

    def test_not_where_they_worked_at_the_same_time_once(self):
        def once(seconds: float) -> float:
            return 1.0 if 1000 <= seconds < 1010 else 0.4

        assert advice(life("1", busy=once), life("2", busy=once)) == {}

    def test_adaptive_where_nothing_ran_for_long(self):
        told = advice(life(busy=lambda seconds: float(seconds < 2400)))["jobs"]
        assert told.request == "cluster.adapt(minimum_jobs=0, maximum_jobs=1)"
        assert told.evidence == "in 33% of the core-hours no task ran"

    def test_not_where_it_is_adaptive_already(self):
        owned = cluster()
        assert owned.owner is not None
        adaptive = replace(owned, owner=replace(owned.owner, adaptive=Adaptive(minimum=0, maximum=4)))
        assert "jobs" not in advice(life(busy=lambda seconds: float(seconds < 2400)), cluster=adaptive)
        lives = [life(str(number), busy=lambda seconds: 1 / 3) for number in range(4)]
        assert advice(*lives, cluster=adaptive)["jobs"].request == "cluster.adapt(maximum_jobs=2)"
