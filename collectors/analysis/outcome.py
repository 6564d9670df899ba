"""Describes in one sentence how a job ended. Pure; an unknown state is shown as SLURM spells it."""

import signal

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import EndedJob
from dasktop.collectors.model.snapshot import Fate
from dasktop.collectors.text.format import plain_duration, plain_size, plain_sizes

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
    return Fate(
        state="OUT_OF_MEMORY" if out_of_memory else ended.job.state or "UNKNOWN",
        exit_code=ended.exit_code,
        signal=None if ended.signal == OUT_OF_MEMORY_SIGNAL or _why_not_started(ended) else ended.signal,
        ended_at=ended.ended_at,
        max_rss_bytes=ended.max_rss_bytes,
        cpu_seconds=ended.cpu_seconds,
        explanation=_memory_kill(ended) if out_of_memory else _explanation(ended) + _cause(ended),
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
    if not read_state(ended.job.state).is_failed:
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


def _memory_kill(ended: EndedJob) -> str:
    used, requested = ended.max_rss_bytes, ended.job.memory_bytes
    if used is None:
        return "killed: ran out of memory"
    sizes = (plain_size(used),) if requested is None else plain_sizes(used, requested)
    # Not a dask task: those have no memory of their own.
    return f"killed: ran out of memory: one SLURM task used {' of '.join(sizes)}"


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
        return "ended; SLURM does not report how"
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
