"""How jobs ended, as one sentence."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.analysis.job_record import explain
from dasktop.collectors.model.readings import EndedJob, FailureCause, QueuedJob

MIB = 1 << 20
THEN = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def ended(
    state,
    *,
    exit_code=0,
    signal=None,
    max_rss_bytes=None,
    by=None,
    cancelled_by=None,
    step_signals=(),
    failure_cause=FailureCause(),  # noqa: B008 - frozen
    **job,
) -> EndedJob:
    return EndedJob(
        job=QueuedJob(job_id="7", state=state, **{"started_at": THEN, "memory_bytes": 100 * MIB} | job),
        exit_code=exit_code,
        signal=signal,
        ended_at=THEN,
        max_rss_bytes=max_rss_bytes,
        cancelled_by_uid=by,
        cancelled_by=cancelled_by,
        failure_cause=failure_cause,
        step_signals=step_signals,
    )


OUTPUT = ("/no/such/dir/x.log",)


@pytest.mark.parametrize(
    ("end", "explanation"),
    [
        (ended("COMPLETED"), "completed"),
        (ended("FAILED", exit_code=3), "failed with exit code 3"),
        (ended("FAILED", exit_code=None), "failed"),
        (ended("FAILED", exit_code=None, signal=11), "killed by signal 11 (SIGSEGV)"),
        (ended("FAILED", exit_code=None, signal=99), "killed by signal 99"),
        (
            ended("FAILED", exit_code=9, step_signals=(9,)),
            "failed with exit code 9; a step was killed by signal 9 (SIGKILL)",
        ),
        (ended("TIMEOUT", time_limit_seconds=3600), "killed: reached its time limit of 1 h"),
        (ended("TIMEOUT"), "killed: reached its time limit"),
        (ended("CANCELLED", by=1001), "cancelled by user 1001"),
        (ended("CANCELLED"), "cancelled"),
        (ended("CANCELLED", by=1001, cancelled_by="ada"), "cancelled by user ada"),
        (ended("FAILED", exit_code=1, failure_cause=FailureCause(cause="E: x")), "failed with exit code 1: E: x"),
        (ended("COMPLETED", failure_cause=FailureCause(cause="its workers left")), "completed: its workers left"),
        (ended("CANCELLED", by=1001, started_at=None), "cancelled by user 1001 before it started"),
        (ended("NODE_FAIL"), "terminated: a node failed"),
        (ended("PREEMPTED"), "stopped: preempted by another job"),
        (ended("SOMETHING_NEW"), "ended as SOMETHING_NEW"),
        (ended(None), "ended; SLURM does not report how"),
    ],
)
def test_each_end_has_its_explanation(end, explanation):
    fate = explain(end)
    assert fate.explanation == explanation
    assert fate.state == (end.job.state or "UNKNOWN")
    assert (fate.exit_code, fate.signal, fate.ended_at) == (end.exit_code, end.signal, end.ended_at)


@pytest.mark.parametrize(
    "end",
    [
        # With cgroups.
        ended("OUT_OF_MEMORY", exit_code=None, signal=125, max_rss_bytes=99 * MIB),
        # Without: the batch step; a step whose status the script passed on.
        ended("FAILED", exit_code=None, signal=9, step_signals=(9,), max_rss_bytes=393 * MIB),
        ended("FAILED", exit_code=9, step_signals=(9,), max_rss_bytes=393 * MIB),
        # Each of two nodes had half the memory.
        ended("FAILED", exit_code=9, step_signals=(9,), max_rss_bytes=60 * MIB, nodes=("n1", "n2")),
        # A step under cgroups, its status passed on.
        ended("FAILED", exit_code=1, step_signals=(125,)),
        # The log shows it if the samples of the memory missed it.
        ended("FAILED", exit_code=9, failure_cause=FailureCause(out_of_memory=True)),
    ],
)
def test_every_memory_kill_is_out_of_memory(end):
    fate = explain(end)
    assert fate.state == "OUT_OF_MEMORY"
    assert fate.explanation.startswith("killed: ran out of memory")
    assert fate.signal != 125


def test_memory_kill_shows_the_use():
    end = ended("FAILED", signal=9, max_rss_bytes=393 * MIB)
    assert explain(end).explanation == "killed: ran out of memory: one SLURM task used 393 MiB of 100 MiB"
    over = ended("OUT_OF_MEMORY", signal=125, max_rss_bytes=1057348 * 1024, memory_bytes=954 * MIB)
    assert explain(over).explanation == "killed: ran out of memory: one SLURM task used 1,033 MiB of 954 MiB"
    unbounded = ended("OUT_OF_MEMORY", signal=125, max_rss_bytes=1536 * MIB, memory_bytes=None)
    assert explain(unbounded).explanation == "killed: ran out of memory: one SLURM task used 1.5 GiB"


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        ((125,), "cancelled by user ada; before, one of its processes ran out of memory"),
        ((15,), "cancelled by user ada"),
    ],
)
def test_process_that_ran_out_of_memory_before_the_end(signals, words):
    assert explain(ended("CANCELLED", step_signals=signals, cancelled_by="ada")).explanation == words


def test_memory_kill_between_two_samples_of_slurm():
    """Seen with SLURM 22.05 and cgroups: the kernel kills long before SLURM measures the memory again."""
    job = QueuedJob(job_id="1", state="OUT_OF_MEMORY", memory_bytes=500 << 20, nodes=("n1",))
    end = EndedJob(job=job, signal=125, max_rss_bytes=57_668 << 10)
    words = "killed: ran out of memory; SLURM's samples missed the peak (at most 56.3 MiB of 500 MiB)"
    assert explain(end).explanation == words
    on_two_nodes = replace(end, job=replace(job, nodes=("n1", "n2")), max_rss_bytes=260 << 20)
    assert "one SLURM task used" in explain(on_two_nodes).explanation, "more than the share of a node"


@pytest.mark.parametrize(
    "end",
    [
        ended("FAILED", signal=9, max_rss_bytes=50 * MIB),
        ended("FAILED", signal=9),
        ended("FAILED", signal=9, max_rss_bytes=393 * MIB, memory_bytes=None),
        ended("FAILED", signal=15, max_rss_bytes=393 * MIB),
        ended("CANCELLED", signal=9, max_rss_bytes=393 * MIB),
        ended("COMPLETED", max_rss_bytes=393 * MIB),
    ],
)
def test_other_ends_are_no_memory_kill(end):
    assert explain(end).state == end.job.state


@given(
    state=st.none() | st.text(),
    exit_code=st.none() | st.integers(),
    signal=st.none() | st.integers(0),
    max_rss_bytes=st.none() | st.integers(0),
    memory_bytes=st.none() | st.integers(0),
    step_signals=st.tuples(st.integers(0)),
)
def test_any_end_has_an_explanation(state, exit_code, signal, max_rss_bytes, memory_bytes, step_signals):
    end = ended(
        state,
        exit_code=exit_code,
        signal=signal,
        max_rss_bytes=max_rss_bytes,
        memory_bytes=memory_bytes,
        step_signals=step_signals,
    )
    assert explain(end).explanation


@pytest.mark.parametrize(
    ("end", "explanation"),
    [
        (ended("FAILED", exit_code=None, signal=53), "SLURM could not open its output file"),
        (
            replace(ended("FAILED", exit_code=None, signal=53), output_files=OUTPUT),
            "SLURM could not open its output file /no/such/dir/x.log",
        ),
        (ended("FAILED", exit_code=None, signal=52), "SLURM could not run its script"),
        (ended("FAILED", exit_code=None, signal=54), "the prolog of its node failed"),
    ],
)
def test_job_that_could_not_start_has_no_signal(end, explanation):
    fate = explain(end)
    assert (fate.explanation, fate.state, fate.exit_code, fate.signal) == (explanation, "FAILED", None, None)


def test_late_real_time_signal_is_a_signal():
    fate = explain(ended("FAILED", exit_code=None, signal=53, started_at=THEN - timedelta(hours=1)))
    assert (fate.explanation, fate.signal) == ("killed by signal 53", 53)
