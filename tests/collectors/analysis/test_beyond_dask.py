"""The usage of other programs in a job, from SLURM, if it is clearly more than that of dask."""

import re
from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.beyond_dask import OtherUse, OtherUseTracker
from dasktop.collectors.analysis.reconcile import reconcile
from dasktop.collectors.model.jobs import MOST_NANNY_BYTES
from dasktop.collectors.model.readings import Step
from dasktop.collectors.model.snapshot import Allocated, ChildProcess
from dasktop.collectors.scaling.state import cluster_state
from dasktop.collectors.scaling.warnings import when_releasing
from dasktop.tui.draw.glyphs import UNICODE
from dasktop.tui.draw.times import local
from dasktop.tui.view.cells import cells
from dasktop.tui.view.layout import fit_layout, line
from dasktop.tui.view.plain import plain_tree
from dasktop.tui.view.rows import ArrayRow
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.details_text import details_lines
from tests.support.findings_watch import after, over, seen, watch, with_workers
from tests.support.readings import batch, dask, job_of, running, slurm
from tests.support.readings import worker as reading_of
from tests.support.snapshots import GIB, TAKEN_AT, job, worker

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
    """Return the use of other programs after one SLURM interval, with this CPU use of the workers at each poll."""
    tracker = OtherUseTracker()
    tracker.note(busy(0.0), [step(0, 10, ntasks=ntasks)])
    for number, percent in enumerate(percents, start=1):
        seconds = ROUND_SECONDS * number / len(percents)
        is_read = number == len(percents)
        read = step(ROUND_SECONDS, 10 + cpu_seconds_later, ntasks=ntasks) if is_read else step(0, 10, ntasks=ntasks)
        tracker.note(after(seconds, busy(percent)), [read])
    return tracker.beyond


def test_other_program_uses_a_core_while_dask_idles():
    assert followed([0.0] * 10, 300) == {"7": OtherUse(cpu_percent=100.0)}
    assert followed([0.0] * 10, 150, ntasks=2) == {"7": OtherUse(cpu_percent=100.0)}, "SLURM gives the mean of a task"


def test_use_of_the_workers_is_subtracted():
    assert followed([100.0] * 10, 310) == {}
    assert followed([400.0] * 5 + [0.0] * 5, 600) == {}, "it ends with the other programs"
    assert followed([100.0] * 10, 600) == {"7": OtherUse(cpu_percent=100.0)}


def test_unknown_use_of_a_worker():
    assert followed([None] * 10, 300) == {}


def test_use_ends_with_slurms_figure():
    tracker = OtherUseTracker()
    for number, cpu_seconds in enumerate((0, 300, 300)):
        seconds = ROUND_SECONDS * number
        tracker.note(after(seconds, busy(0.0)), [step(seconds, cpu_seconds)])
        assert bool(tracker.beyond) == (number == 1)
    tracker.note(busy(0.0), [])
    assert tracker.beyond == {}


def test_memory_at_once_cpu_over_two_minutes():
    tracker = OtherUseTracker()
    uses = []
    for minute, cpu_seconds in enumerate((0, 60, 120, 120, 120)):
        seconds = 60 * minute
        tracker.note(after(seconds, busy(0.0)), [step(seconds, 10 + cpu_seconds, rss_bytes=2 * GIB)])
        uses.append(tracker.beyond["7"])
    assert [one.cpu_percent for one in uses] == [None, None, 100.0, 100.0, None]
    assert {one.memory_bytes for one in uses} == {2 * GIB}


def test_workers_with_child_processes_are_other_programs():
    child = ChildProcess(pid=1, name="tool", memory_bytes=1, cpu_seconds=1.0)
    tracker = OtherUseTracker()
    for children, expected in (((child,), {"7"}), ((), set()), (None, set())):
        one = worker("w", children=children)
        tracker.note(seen([with_workers(job("7", allocated=GRANTED), [one])]), [])
        assert tracker.with_other_programs == expected
    tracker.note(busy(0.0), [step(0, 1, rss_bytes=2 * GIB)])
    assert tracker.with_other_programs == {"7"}


def test_memory_that_only_slurm_counts():
    tracker = OtherUseTracker()
    tracker.note(busy(0.0), [step(0, 1, rss_bytes=int(1.92 * GIB))])
    assert tracker.beyond == {"7": OtherUse(memory_bytes=int(1.92 * GIB))}
    tracker.note(busy(0.0), [step(1, 1, rss_bytes=GIB // 8)])
    assert tracker.beyond == {}, "a nanny and a shell use a little too"


def test_job_has_the_larger_figure_with_its_source():
    reading = dask(reading_of("w", place=batch("7"), cpu_percent=5.0, memory_bytes=60))
    reading_of_slurm = slurm(running("7", "n1", memory_bytes=2000), running("8", "n1"))
    beyond = {"7": OtherUse(cpu_percent=99.0, memory_bytes=1920), "8": OtherUse(memory_bytes=1)}
    used = job_of(reconcile(reading, reading_of_slurm, (), TAKEN_AT, beyond=beyond), "7").used
    assert (used.cpu_percent, used.cpu_source, used.memory_bytes, used.memory_source) == (104.0, "slurm", 1920, "slurm")
    more = {"7": OtherUse(memory_bytes=50)}
    assert job_of(reconcile(reading, reading_of_slurm, (), TAKEN_AT, beyond=more), "7").used.memory_source is None


def test_slurms_figures_are_kept_beside_dasks():
    """Also where they are no larger."""
    tracker = OtherUseTracker()
    found = []
    for seconds, cpu_seconds, rss_bytes in ((0, 10, GIB), (60, 40, 2 * GIB), (120, 70, GIB), (180, 80, None)):
        tracker.note(after(seconds, busy(60.0)), [step(seconds, cpu_seconds, rss_bytes, ntasks=2)])
        found.append(tracker.figures["7"])
    assert [one.memory_bytes for one in found] == [2 * GIB, 4 * GIB, 2 * GIB, None]
    assert [one.cpu_percent for one in found] == [None, None, 100.0, 100.0], "over two minutes or more, of all tasks"
    assert found[-1].read_at == TAKEN_AT + timedelta(seconds=180)
    figures = dict.fromkeys("78", found[2])
    given = slurm(running("7", "n1"), replace(running("8", "n1"), state="PENDING"))
    shown = reconcile(None, given, (), TAKEN_AT, slurm_figures=figures)
    used = job_of(shown, "7").used
    assert (used.slurm_cpu_percent, used.slurm_memory_bytes, used.slurm_read_at) == (100.0, 2 * GIB, found[2].read_at)
    assert (used.cpu_percent, used.memory_bytes) == (None, None)
    assert job_of(shown, "8").used.slurm_memory_bytes is None


def test_totals_use_the_larger_figures():
    in_job = reading_of("w", place=batch("7"), cpu_percent=5.0, memory_bytes=60)
    in_other = reading_of("v", place=batch("8"), cpu_percent=7.0, memory_bytes=30)
    outside = reading_of("u", cpu_percent=1.0, memory_bytes=4)
    reading_of_slurm = slurm(running("7", "n1", memory_bytes=2000), running("8", "n1"))
    beyond = {"7": OtherUse(cpu_percent=99.0, memory_bytes=1920)}
    totals = reconcile(dask(in_job, in_other, outside), reading_of_slurm, (), TAKEN_AT, beyond=beyond).totals
    assert (totals.cpu_percent, totals.memory_bytes) == (112.0, 1954)


def by_slurm(memory_bytes=int(1.5 * GIB), **values):
    one = with_workers(job("7", allocated=GRANTED, **values), [worker("w", cpu_percent=4.0, memory_bytes=GIB // 4)])
    return with_use(
        seen([one]),
        cpu_percent=104.0,
        cpu_source="slurm",
        memory_bytes=memory_bytes,
        memory_source="slurm",
    )


def test_slurms_figure_is_marked_in_the_tree():
    shown = plain_tree(by_slurm())
    (row,) = [line for line in shown.splitlines() if "RUNNING" in line]
    assert re.search(r" S26% .* S75% 1\.5G ", row)
    (of_worker,) = [line for line in shown.splitlines() if " w " in line]
    assert "S" not in of_worker
    assert "S100 2.0G" in plain_tree(by_slurm(2 * GIB)), "the column has no room for more"


def test_array_sums_the_figures_of_its_jobs():
    one, other = by_slurm(array_job_id="7", array_task_id="1").jobs[0], job("8", array_job_id="7", array_task_id="2")
    held = cells(ArrayRow(key=("array", "7"), unfolded=False, jobs=(one, other)), TAKEN_AT)
    assert (held.memory, held.memory_bytes[-1], held.cpu[0]) == (f"S{held.memory_percent}%", "G", "S")


def test_job_details_name_the_source():
    lines = details_lines(by_slurm())
    assert any("75% of 2.0G (SLURM)" in line for line in lines)
    assert any(line.endswith("dask 256M, SLURM 1.5G") for line in lines), "as older recordings have it"
    assert any("SLURM counts all processes of the job, dask only its workers" in line for line in lines)
    assert any("26% of 4 CPUs (SLURM)" in line for line in lines)
    assert any("about 1.0 cores used by processes other than its dask workers (SLURM)" in line for line in lines)


def test_job_details_have_both_figures_once_known():
    at = TAKEN_AT - timedelta(minutes=2)
    both = with_use(busy(20.0), slurm_cpu_percent=24.0, slurm_memory_bytes=GIB // 8, slurm_read_at=at)
    lines = details_lines(both)
    assert any(line.endswith("dask 5%, SLURM 6%") for line in lines)
    assert any(line.endswith(f"dask 64M, SLURM 128M at {local(at):%H:%M}") for line in lines)
    assert not any("dask " in line and "SLURM " in line for line in details_lines(busy(20.0))), "not sampled yet"


def test_row_of_a_job_has_both_figures_if_they_differ_clearly():
    def label(shown, room=60):
        (row,) = visible_rows(shown, lambda _: False)
        held = cells(row, TAKEN_AT)
        layout = fit_layout(200)._replace(label=room)
        return line(row, held, layout, UNICODE)[1].text.strip() if held.remark[0] or held.step else ""

    assert label(by_slurm()) == "· batch.0 · dask 256M, SLURM 1.5G"
    assert label(by_slurm(), 40) == "· dask 256M, SLURM 1.5G", "rather than the step"
    assert label(by_slurm(), 28) == "· dask 256M", "beside SLURM's figure in the column"
    assert label(by_slurm(), 25) == "· batch.0"
    assert label(with_use(busy(4.0), cpu_percent=104.0, cpu_source="slurm")).endswith(" · dask 1%, SLURM 26%")
    assert label(with_use(busy(4.0), slurm_memory_bytes=GIB)) == "· batch.0", "the difference is not clear"


def with_use(snapshot, **used):
    (one,) = snapshot.jobs
    return replace(snapshot, jobs=(replace(one, used=replace(one.used, **used)),))


def test_job_near_its_limit_by_slurms_figure():
    full = with_use(busy(0.0), memory_bytes=int(1.92 * GIB), memory_source="slurm")
    found = [one for one in watch(full, after(11, full)) if one.code == "memory-near-limit"]
    assert [(one.job_id, one.worker) for one in found] == [("7", None)]
    assert found[0].message.endswith(", most of it outside its dask workers")


@pytest.mark.parametrize(
    ("held_bytes", "words"),
    [
        (2 * GIB - MOST_NANNY_BYTES + 1, ""),
        (int(1.5 * GIB), ", part of it outside its dask workers"),
    ],
)
def test_nanny_is_no_other_program(held_bytes, words):
    full = with_use(busy(0.0, memory_bytes=held_bytes), memory_bytes=2 * GIB, memory_source="slurm")
    found = [one for one in watch(full, after(11, full)) if one.code == "memory-near-limit" and one.worker is None]
    assert [one.message for one in found] == [f"job 7 uses 100 % or more of its 2 GiB{words}"]
    assert any("other programs" in one for one in when_releasing(cluster_state(full), full.jobs)) == bool(words)


def test_job_used_by_another_program_is_not_idle():
    used = with_use(busy(0.0), cpu_percent=100.0, cpu_source="slurm")
    assert "idle-allocation" in over(700, busy(0.0))
    assert "idle-allocation" not in over(700, used)


def test_advice_warns_of_other_programs():
    used = with_use(busy(0.0), memory_bytes=int(1.5 * GIB), memory_source="slurm")
    (found,) = [one for one in watch(used, after(700, used)) if one.code == "idle-allocation"]
    assert found.advice.endswith("; this also ends the other programs in it")


def test_advice_before_the_time_limit_warns_of_them():
    used = with_use(busy(0.0), cpu_percent=100.0, cpu_source="slurm")
    ending = replace(used, jobs=tuple(replace(one, time_left_seconds=200) for one in used.jobs))
    (found,) = [one for one in watch(ending) if one.code == "walltime-ending"]
    assert "dasktop scale --release 7 moves" in (found.advice or "")
    assert (found.advice or "").endswith("; this also ends the other programs in it")


def test_job_without_workers_runs_other_programs():
    """Nothing advises to release it."""
    empty = seen([job("7", allocated=GRANTED, started_at=TAKEN_AT - timedelta(seconds=120))])
    (found,) = watch(with_use(empty, cpu_percent=100.0, cpu_source="slurm"))
    assert found.code == "job-without-workers"
    assert found.message == "job 7 has had no worker for 2 min (other programs run in it)"
    assert found.advice == "see its log"


def test_plan_warns_of_other_programs():
    used = with_use(busy(0.0), cpu_percent=100.0, cpu_source="slurm")
    warnings = [one for one in when_releasing(cluster_state(used), used.jobs) if "other programs" in one]
    assert warnings == [
        "other programs run in 7 beside the dask workers: they end with the job, and dasktop does not wait for them"
    ]
