"""What runs in a job beside its workers, by SLURM's figures: told only where it is clearly more than dask's."""

from datetime import timedelta

from msgspec.structs import replace

from dasktop.collectors.beyond_dask import Beyond, UseLedger
from dasktop.collectors.model import Allocated
from dasktop.collectors.readings import Step
from dasktop.collectors.reconcile import reconcile
from dasktop.collectors.scaling.cautions import when_releasing
from dasktop.collectors.scaling.standing import standing_of
from tests.findings_watch import after, over, seen, watch, with_workers
from tests.snapshots import GIB, TAKEN_AT, job, worker
from tests.test_reconcile import batch, dask, job_of, running, slurm
from tests.test_reconcile import worker as reading_of

GRANTED = Allocated(cpus=4, memory_bytes=2 * GIB, gpus=None)
ROUND_SECONDS = 300


def busy(percent, memory_bytes=GIB // 16):
    one = worker("w", cpu_percent=percent, memory_bytes=memory_bytes, executing=0, queued=0, nthreads=4)
    return seen([with_workers(job("7", allocated=GRANTED, workers_expected=1), [one])])


def step(seconds, cpu_seconds, rss_bytes=None, ntasks=1):
    return Step(
        job_id="7",
        step_id="batch",
        ntasks=ntasks,
        cpu_seconds=cpu_seconds,
        rss_bytes=rss_bytes,
        read_at=TAKEN_AT + timedelta(seconds=seconds),
    )


def followed(percents, cpu_seconds_later, ntasks=1):
    """Return what is told after one round of SLURM's, in which the workers used this much at each of the polls."""
    ledger = UseLedger()
    ledger.note(busy(0.0), [step(0, 10, ntasks=ntasks)])
    for number, percent in enumerate(percents, start=1):
        seconds = ROUND_SECONDS * number / len(percents)
        is_read = number == len(percents)
        told = step(ROUND_SECONDS, 10 + cpu_seconds_later, ntasks=ntasks) if is_read else step(0, 10, ntasks=ntasks)
        ledger.note(after(seconds, busy(percent)), [told])
    return ledger.beyond


def test_a_program_that_burns_a_core_while_dask_idles():
    assert followed([0.0] * 10, 300) == {"7": Beyond(cpu_percent=100.0)}
    assert followed([0.0] * 10, 150, ntasks=2) == {"7": Beyond(cpu_percent=100.0)}, "SLURM tells a task's mean"


def test_what_the_workers_used_themselves_is_nobody_elses():
    assert followed([100.0] * 10, 310) == {}
    assert followed([400.0] * 5 + [0.0] * 5, 600) == {}, "and it does not last after they are done"
    assert followed([100.0] * 10, 600) == {"7": Beyond(cpu_percent=100.0)}


def test_a_worker_that_does_not_tell_leaves_it_unknown():
    assert followed([None] * 10, 300) == {}


def test_it_is_over_when_slurm_says_so():
    ledger = UseLedger()
    for number, cpu_seconds in enumerate((0, 300, 300)):
        seconds = ROUND_SECONDS * number
        ledger.note(after(seconds, busy(0.0)), [step(seconds, cpu_seconds)])
        assert bool(ledger.beyond) == (number == 1)
    ledger.note(busy(0.0), [])
    assert ledger.beyond == {}


def test_memory_that_only_slurm_sees():
    ledger = UseLedger()
    ledger.note(busy(0.0), [step(0, 1, rss_bytes=int(1.92 * GIB))])
    assert ledger.beyond == {"7": Beyond(memory_bytes=int(1.92 * GIB))}
    ledger.note(busy(0.0), [step(1, 1, rss_bytes=GIB // 8)])
    assert ledger.beyond == {}, "a nanny and a shell use a little too"


def test_the_job_has_the_larger_figure_with_its_source():
    reading = dask(reading_of("w", place=batch("7"), cpu_percent=5.0, memory_bytes=60))
    told = slurm(running("7", "n1", memory_bytes=2000), running("8", "n1"))
    beyond = {"7": Beyond(cpu_percent=99.0, memory_bytes=1920), "8": Beyond(memory_bytes=1)}
    used = job_of(reconcile(reading, told, (), TAKEN_AT, beyond=beyond), "7").used
    assert (used.cpu_percent, used.cpu_source, used.memory_bytes, used.memory_source) == (104.0, "slurm", 1920, "slurm")
    more = {"7": Beyond(memory_bytes=50)}
    assert job_of(reconcile(reading, told, (), TAKEN_AT, beyond=more), "7").used.memory_source is None


def with_use(snapshot, **used):
    (one,) = snapshot.jobs
    return replace(snapshot, jobs=(replace(one, used=replace(one.used, **used)),))


def test_a_job_near_its_limit_by_slurms_figure_is_told():
    full = with_use(busy(0.0), memory_bytes=int(1.92 * GIB), memory_source="slurm")
    found = [one for one in watch(full, after(11, full)) if one.code == "memory-near-limit"]
    assert [(one.job_id, one.worker) for one in found] == [("7", None)]
    assert "most of it outside its workers" in found[0].message


def test_a_job_that_another_program_uses_is_not_idle():
    used = with_use(busy(0.0), cpu_percent=100.0, cpu_source="slurm")
    assert "idle-allocation" in over(700, busy(0.0))
    assert "idle-allocation" not in over(700, used)


def test_a_plan_that_releases_it_says_so():
    used = with_use(busy(0.0), cpu_percent=100.0, cpu_source="slurm")
    told = [one for one in when_releasing(standing_of(used), used.jobs) if "other programs" in one]
    assert told == ["other programs run in 7 beside the dask workers: they end too, and nothing waits for them"]
