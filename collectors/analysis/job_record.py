"""Makes the record of one job from what both sources report of it, with one sentence on how it ended. Pure."""

import signal
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.beyond_dask import OtherUse, SlurmFigures
from dasktop.collectors.analysis.job_contents import JobContents
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import EndedJob, QueuedJob, Released
from dasktop.collectors.model.snapshot import Allocated, Evidence, Fate, Job, Used
from dasktop.collectors.text.format import plain_duration, plain_size, plain_sizes

_CLOCKS_DIFFER = timedelta(seconds=2)
"""SLURM's times are in whole seconds, and its clock may differ a little."""
_AS_QUEUED = tuple(field for field in QueuedJob.__struct_fields__ if field in Job.__struct_fields__)
"""Fields that a job has from the queue or from accounting, under the same name."""


def job_record(
    job: QueuedJob,
    *,
    end: EndedJob | None,
    previous_end: EndedJob | None,
    evidence: tuple[Evidence, ...],
    contents: JobContents,
    workers_expected: int | None,
    scheduler_unknown: bool,
    dask_answered: bool,
    now: datetime,
) -> Job:
    """Return the record of a job.

    Parameters
    ----------
    job
        As SLURM last reported it; only the id if it is unknown to SLURM.
    end, previous_end
        How it ended, and how its previous run ended, if SLURM has requeued it.
    evidence
        All that links it to the cluster, the strongest first.
    contents
        Its SLURM tasks, with their workers.
    dask_answered
        Whether the scheduler has answered: without it, busy threads are unknown.
    """
    left_seconds = (
        int((job.ends_at - now).total_seconds()) if job.ends_at and read_state(job.state).is_running else None
    )
    return Job(
        **{field: getattr(job, field) for field in _AS_QUEUED},
        time_left_seconds=None if left_seconds is None else max(0, left_seconds),
        allocated=Allocated(cpus=job.cpus, memory_bytes=job.memory_bytes, gpus=job.gpus),
        used=Used(
            cpu_percent=one_decimal(contents.cpu_percent),
            memory_bytes=contents.memory_bytes,
            threads_busy=contents.threads_busy if dask_answered else None,
        ),
        workers_expected=workers_expected,
        evidence=evidence,
        scheduler_unknown=scheduler_unknown,
        fate=explain(end) if end is not None else None,
        previous_fate=explain(previous_end) if previous_end is not None else None,
        tasks=contents.tasks,
    )


def with_other_programs(job: Job, beyond: OtherUse | None) -> Job:
    """Add what other programs use in a job, by SLURM's figures."""
    used = job.used
    if beyond is None or not read_state(job.state).is_running:
        return job
    if beyond.cpu_percent is not None:
        cpu_percent = one_decimal((used.cpu_percent or 0.0) + beyond.cpu_percent)
        used = replace(used, cpu_percent=cpu_percent, cpu_source="slurm")
    if beyond.memory_bytes is not None and beyond.memory_bytes > (used.memory_bytes or 0):
        used = replace(used, memory_bytes=beyond.memory_bytes, memory_source="slurm")
    return replace(job, used=used)


def with_slurm_figures(job: Job, figures: SlurmFigures | None) -> Job:
    """Add what SLURM says of all processes of a job."""
    if figures is None or not read_state(job.state).is_running:
        return job
    used = replace(
        job.used,
        slurm_cpu_percent=figures.cpu_percent,
        slurm_memory_bytes=figures.memory_bytes,
        slurm_read_at=figures.read_at,
    )
    return replace(job, used=used)


def with_releaser(job: Job, released: Released | None) -> Job:
    """Set what released a job, if SLURM only knows that its user cancelled it."""
    fate = job.fate
    if released is None or fate is None or not read_state(fate.state).is_cancelled:
        return job
    if fate.cancelled_by not in (None, job.user):
        return job
    if released.not_before and fate.ended_at and fate.ended_at < released.not_before - _CLOCKS_DIFFER:
        return job
    detail = f" ({released.detail})" if released.detail else ""
    late = " before it started" if job.started_at is None else ""
    explanation = f"released by {'the ' if released.by != 'dasktop' else ''}{released.by}{detail}{late}"
    return replace(job, fate=replace(fate, released_by=released.by, explanation=explanation))


def one_decimal(percent: float | None) -> float | None:
    """Return a percentage as snapshots have it, rounded to tenths."""
    return None if percent is None else round(percent, 1)


# With cgroups, SLURM gives a memory kill this signal number: ``OUT_OF_MEMORY 0:125``.
OUT_OF_MEMORY_SIGNAL = 125

_SLURMD_ERRORS = {
    4010: "SLURM could not create its folder on the node",
    4014: "SLURM could not set up its environment",
    4016: "SLURM could not start it as its user",
    4019: "SLURM could not start a process on the node",
    4020: "SLURM could not run its script",
    4021: "SLURM could not open its output file",
    4022: "the prolog of its node failed",
}
"""Why a node could not start a job: slurmd's errors in slurm_errno.h."""
_NOT_STARTED = {number & 0x7F: meaning for number, meaning in _SLURMD_ERRORS.items()}
"""The same by the signal in ``ExitCode``: slurmd passes its error on as if it were a status of wait(2), whose lowest
seven bits are a signal. 4021 (the folder of an output file does not exist) becomes ``0:53`` (SLURM 22.05). Signals with
these numbers are real-time signals, which no one sends to a job right after its start."""
_OUTPUT_SIGNAL = 4021 & 0x7F
_START_SECONDS = 60

_EXPLANATIONS = {
    "BOOT_FAIL": "terminated: a node failed to boot",
    "COMPLETED": "completed",
    "DEADLINE": "killed: reached its deadline",
    "NODE_FAIL": "terminated: a node failed",
    "PREEMPTED": "stopped: preempted by another job",
    "REQUEUED": "requeued",
    "REVOKED": "revoked: another cluster runs it",
}


def explain(ended: EndedJob) -> Fate:
    """Return how a job ended; its state is SLURM's, except that every memory kill becomes ``OUT_OF_MEMORY``."""
    out_of_memory = _ran_out_of_memory(ended)
    how = _memory_kill(ended) if out_of_memory else _explanation(ended) + _cause(ended) + _memory_before(ended)
    return Fate(
        state="OUT_OF_MEMORY" if out_of_memory else ended.job.state or "UNKNOWN",
        exit_code=ended.exit_code,
        signal=None if ended.signal == OUT_OF_MEMORY_SIGNAL or _why_not_started(ended) else ended.signal,
        ended_at=ended.ended_at,
        max_rss_bytes=ended.max_rss_bytes,
        cpu_seconds=ended.cpu_seconds,
        explanation=how,
        cancelled_by=_canceller(ended),
        cause=ended.failure_cause.cause,
    )


def _ran_out_of_memory(ended: EndedJob) -> bool:
    """Return whether a job was killed for its memory, with or without cgroups.

    Without cgroups (``JobAcctGatherParams=OverMemoryKill``, seen with SLURM 22.05) the job is ``FAILED 0:9``, or
    ``9:0`` if its script returns the status of ``srun``; the step is ``CANCELLED by 0``, ``0:9``; and one task used
    more memory than a node's share of the request.
    """
    if read_state(ended.job.state).is_out_of_memory:
        return True
    signals = {ended.signal, *ended.step_signals}
    state = read_state(ended.job.state)
    if state.name is None:
        return ended.failure_cause.out_of_memory
    if not state.is_failed:
        return False
    if OUT_OF_MEMORY_SIGNAL in signals or ended.failure_cause.out_of_memory:
        return True
    memory_bytes, max_rss_bytes = ended.job.memory_bytes, ended.max_rss_bytes
    if signal.SIGKILL not in signals or memory_bytes is None or max_rss_bytes is None:
        return False
    return max_rss_bytes > memory_bytes / max(1, len(ended.job.nodes))


def _why_not_started(ended: EndedJob) -> str | None:
    """Return why the node could not start the job; ``None`` if it was started."""
    meaning = _NOT_STARTED.get(ended.signal or 0)
    if meaning is None or not read_state(ended.job.state).is_failed or ended.exit_code:
        return None
    start, end = ended.job.started_at, ended.ended_at
    if start is not None and end is not None and (end - start).total_seconds() > _START_SECONDS:
        return None
    files = f" {' or '.join(ended.output_files)}" if ended.signal == _OUTPUT_SIGNAL and ended.output_files else ""
    return f"{meaning}{files}"


def _memory_before(ended: EndedJob) -> str:
    """Return whether the kernel killed a process of a job that went on, such as a worker that a nanny then restarted.

    Seen with cgroups: the job is ``CANCELLED 0:0``, its batch step ``OUT_OF_MEMORY 0:125``.
    """
    return "; before, one of its processes ran out of memory" if OUT_OF_MEMORY_SIGNAL in ended.step_signals else ""


def _memory_kill(ended: EndedJob) -> str:
    used, requested = ended.max_rss_bytes, ended.job.memory_bytes
    if used is None:
        return "killed: ran out of memory"
    if requested is None:
        return f"killed: ran out of memory: one SLURM task used {plain_size(used)}"
    if used < requested / max(1, len(ended.job.nodes)):
        # SLURM samples the memory now and then; with cgroups, the kernel kills within milliseconds.
        sizes = f"{plain_size(used)} of {plain_size(requested)}"
        return f"killed: ran out of memory; SLURM's samples missed the peak (at most {sizes})"
    # Not a dask task: those have no memory of their own.
    return f"killed: ran out of memory: one SLURM task used {' of '.join(plain_sizes(used, requested))}"


def _explanation(ended: EndedJob) -> str:
    state, limit_seconds = read_state(ended.job.state), ended.job.time_limit_seconds
    if state.is_timeout:
        return "killed: reached its time limit" + (f" of {plain_duration(limit_seconds)}" if limit_seconds else "")
    if state.is_cancelled:
        by = _canceller(ended)
        return f"cancelled{f' by user {by}' if by else ''}" + ("" if ended.job.started_at else " before it started")
    if state.is_failed:
        if why := _why_not_started(ended):
            return why
        if ended.signal:
            return f"killed by signal {_signal_name(ended.signal)}"
        how = f"failed with exit code {ended.exit_code}" if ended.exit_code else "failed"
        # If the script returns the status of ``srun``, only the step shows the signal.
        steps = " and ".join(map(_signal_name, ended.step_signals))
        return f"{how}; a step was killed by signal {steps}" if steps else how
    if state.name is None:
        return "ended; SLURM does not report how" + ("; its log" if ended.failure_cause.cause is not None else "")
    return _EXPLANATIONS.get(state.name, f"ended as {state.name}")


def _canceller(ended: EndedJob) -> str | None:
    return ended.cancelled_by or (None if ended.cancelled_by_uid is None else str(ended.cancelled_by_uid))


def _cause(ended: EndedJob) -> str:
    return f": {ended.failure_cause.cause}" if ended.failure_cause.cause is not None else ""


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)
