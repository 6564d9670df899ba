"""How an ended job's fate is put into one plain sentence. Pure; a state that isn't known here is shown as it is."""

import signal

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import EndedJob
from dasktop.collectors.model.snapshot import Fate
from dasktop.collectors.text.format import plain_duration, plain_size, plain_sizes

# SLURM's own mark for a memory kill under cgroups, where a signal would stand: ``OUT_OF_MEMORY 0:125``.
OUT_OF_MEMORY_SIGNAL = 125

_SLURMDS_ERRORS = {
    4010: "SLURM could not create its folder on the node",
    4014: "SLURM could not set up its environment",
    4016: "SLURM could not start it as its user",
    4019: "SLURM could not start a process on the node",
    4020: "SLURM could not run its script",
    4021: "SLURM could not open its output file",
    4022: "the prolog of its node failed",
}
"""Why a node could not start a job at all: slurm_errno.h, the errors of slurmd."""
_NOT_STARTED = {number & 0x7F: meaning for number, meaning in _SLURMDS_ERRORS.items()}
"""The same as they stand in ``ExitCode``: slurmd hands its error on as if it were the status that wait(2) gives, whose
lowest seven bits are a signal. 4021, an output file in a folder that does not exist, is ``0:53`` (22.05). Those numbers
are real-time signals, which nothing sends to a job in its first moments."""
_OUTPUT_SIGNAL = 4021 & 0x7F
_FIRST_MOMENTS_SECONDS = 60

_PLAIN = {
    "BOOT_FAIL": "lost: a node did not boot",
    "COMPLETED": "completed",
    "DEADLINE": "killed: reached its deadline",
    "NODE_FAIL": "lost: a node failed",
    "PREEMPTED": "stopped: preempted by another job",
    "REQUEUED": "requeued",
    "REVOKED": "revoked: another cluster runs it",
}


def explain(ended: EndedJob) -> Fate:
    """Return a job's fate: the state as SLURM says it, except that a memory kill always reads as one."""
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
        cause=ended.last_words.cause,
    )


def _ran_out_of_memory(ended: EndedJob) -> bool:
    """Tell a memory kill, with cgroups or without.

    Without cgroups (``JobAcctGatherParams=OverMemoryKill``, seen with 22.05) the job is ``FAILED 0:9``, or ``9:0`` if
    its script hands on what ``srun`` returned; the step is ``CANCELLED by 0``, ``0:9``; and one task held more memory
    than a node's share of the request.
    """
    if read_state(ended.job.state).name == "OUT_OF_MEMORY":
        return True
    signals = {ended.signal, *ended.step_signals}
    if read_state(ended.job.state).name != "FAILED":
        return False
    if OUT_OF_MEMORY_SIGNAL in signals or ended.last_words.out_of_memory:
        return True
    memory_bytes, max_rss_bytes = ended.job.memory_bytes, ended.max_rss_bytes
    if signal.SIGKILL not in signals or memory_bytes is None or max_rss_bytes is None:
        return False
    return max_rss_bytes > memory_bytes / max(1, len(ended.job.nodes))


def _why_not_started(ended: EndedJob) -> str | None:
    """Return why its node could not start the job, if that is how it ended."""
    meaning = _NOT_STARTED.get(ended.signal or 0)
    if meaning is None or read_state(ended.job.state).name != "FAILED" or ended.exit_code:
        return None
    start, end = ended.job.started_at, ended.ended_at
    if start is not None and end is not None and (end - start).total_seconds() > _FIRST_MOMENTS_SECONDS:
        return None
    files = f" {' or '.join(ended.output_files)}" if ended.signal == _OUTPUT_SIGNAL and ended.output_files else ""
    return f"{meaning}{files}"


def _memory_kill(ended: EndedJob) -> str:
    held, granted = ended.max_rss_bytes, ended.job.memory_bytes
    if held is None:
        return "killed: ran out of memory"
    sizes = (plain_size(held),) if granted is None else plain_sizes(held, granted)
    # dask's tasks are others: those have no memory of their own.
    return f"killed: ran out of memory: one SLURM task held {' of '.join(sizes)}"


def _explanation(ended: EndedJob) -> str:
    state, limit_seconds = read_state(ended.job.state).name or "", ended.job.time_limit_seconds
    if state == "TIMEOUT":
        return "killed: reached its time limit" + (f" of {plain_duration(limit_seconds)}" if limit_seconds else "")
    if state == "CANCELLED":
        by = _canceller(ended)
        return f"cancelled{f' by user {by}' if by else ''}" + ("" if ended.job.started_at else " before it started")
    if state == "FAILED":
        if why := _why_not_started(ended):
            return why
        if ended.signal:
            return f"killed by signal {_signal_name(ended.signal)}"
        how = f"failed with exit code {ended.exit_code}" if ended.exit_code else "failed"
        # A script that hands on what ``srun`` returned: the signal shows on the step only.
        steps = " and ".join(map(_signal_name, ended.step_signals))
        return f"{how}; a step was killed by signal {steps}" if steps else how
    return _PLAIN.get(state, f"ended as {state}" if state else "ended, and SLURM does not tell how")


def _canceller(ended: EndedJob) -> str | None:
    return ended.cancelled_by or (None if ended.cancelled_by_uid is None else str(ended.cancelled_by_uid))


def _cause(ended: EndedJob) -> str:
    return f": {ended.last_words.cause}" if ended.last_words.cause is not None else ""


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)
