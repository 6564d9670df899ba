"""The user's jobs in the queue: what to ask ``squeue``, and how to read its answer. Pure; runs nothing.

``-o`` with letters, since they work from SLURM 19.05 on. Nothing that SLURM prints is quoted and a job's name may hold
anything, so each job stands between two marks that nobody can know beforehand, with its name last.
"""

import re
import secrets
from collections.abc import Iterable, Mapping

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import QueuedJob
from dasktop.collectors.model.snapshot import Record
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.commands import CommandOutput, Commands
from dasktop.collectors.sources.slurm.nodelist import expand
from dasktop.collectors.sources.slurm.values import (
    Resources,
    count,
    duration_seconds,
    fields,
    gpus_per_node,
    moment,
    requested_memory_bytes,
    resources,
    whole_number,
)
from dasktop.collectors.text.clean import clean, clean_or_none, without_controls
from dasktop.collectors.text.format import counted

SEPARATOR = "\x1f"
_INNER_SEPARATOR = "\x1d"

_LETTERS = {
    # The raw id, then the nodes and features that the job requires; both are read as unknown where they don't stand.
    "job_id": _INNER_SEPARATOR.join(("%A", "%n", "%f")),
    "shown_id": "%i",
    "array_job_id": "%F",
    "array_task_id": "%K",
    "state": "%T",
    "cpus": "%C",
    "node_count": "%D",
    "memory": "%m",
    "gres": "%b",
    "time_limit": "%l",
    "submitted": "%V",
    "start": "%S",
    "end": "%e",
    "nodes": "%N",
    "user": "%u",
    "account": "%a",
    "partition": "%P",
    "qos": "%q",
    # Free text last, where a stray separator does least harm. Reasons are an open set, some with spaces and commas.
    "reason": "%r",
    "name": "%j",
}
_JOB_ID_WIDTH, _TRES_WIDTH = 30, 400


class Queue(Record, frozen=True, kw_only=True):
    """The jobs that were understood, and how many entries were not."""

    jobs: tuple[QueuedJob, ...]
    not_understood: int = 0


def queue_command(user: str, mark: str) -> tuple[str, ...]:
    """Return what to run. One user's jobs are a narrow RPC (``--me`` needs 20.02; ``-u`` works everywhere)."""
    # With its header line: where that stands, squeue has understood the format, however few jobs there are.
    return ("squeue", "-u", user, "-o", mark + SEPARATOR.join(_LETTERS.values()) + mark)


def parse_queue(text: str, mark: str, granted: Mapping[str, Resources] | None = None) -> Queue:
    """Read squeue's answer.

    Parameters
    ----------
    text
        As printed, not cleaned yet.
    mark
        The one of `queue_command`.
    granted
        Resources by job id, as `parse_resources` reads them; they are better than what squeue's letters tell.

    Raises
    ------
    SourceError
        Something was printed, and none of it was understood.
    """
    # Between the marks stand, by turns, what lies around the jobs (newlines, ``CLUSTER: x``, banners) and the jobs.
    entries = text.split(mark)[1::2]
    rows = [entry for entry in entries if not _is_header(entry)]
    understood = [_job(row, granted or {}) for row in rows]
    jobs = tuple(job for job in understood if job is not None)
    not_understood = len(rows) - len(jobs)
    if not jobs and (not_understood or (text.strip() and not entries)):
        raise SourceError(f"dasktop does not understand the output of squeue: '{clean(text)[:60]}'")
    return Queue(jobs=jobs, not_understood=not_understood)


def resources_command(user: str) -> tuple[str, ...]:
    """Return what to run for what each job was granted, or asks for while it waits.

    ``%m`` is a node's or a CPU's minimum, and newer versions don't say which: 22.05 prints ``300M`` for 4 CPUs on 2
    nodes with ``--mem-per-cpu=300M``, where ``tres-alloc`` says ``mem=1200M``. ``-O`` cuts at a field's width.
    """
    return ("squeue", "-h", "-u", user, "-O", f"JobID:{_JOB_ID_WIDTH},tres-alloc:{_TRES_WIDTH}")


def parse_resources(text: str) -> dict[str, Resources]:
    """Read the answer to `resources_command`: resources by job id. Lines that don't fit tell nothing."""
    found: dict[str, Resources] = {}
    for line in text.split("\n"):
        job_id, tres = line[:_JOB_ID_WIDTH].strip(), line[_JOB_ID_WIDTH:].rstrip()
        if len(tres) >= _TRES_WIDTH:  # cut: its last part may not be whole
            tres = tres.rpartition(",")[0]
        if is_job_id(job_id) and "=" in tres:
            found[job_id] = resources(tres)
    return found


def script_path_command(user: str, mark: str) -> tuple[str, ...]:
    """Return what to run for the path of the script that each job was submitted from."""
    return ("squeue", "-h", "-u", user, "-o", f"{mark}%A{SEPARATOR}%o{mark}")


def parse_script_paths(text: str, mark: str) -> list[tuple[str, str]]:
    """Read the answer to `script_path_command`: ids and paths."""
    entries = (entry.partition(SEPARATOR) for entry in text.split(mark)[1::2])
    return [(job_id, command) for job_id, _, command in entries if is_job_id(job_id)]


def is_job_id(text: str) -> bool:
    """Whether this is a raw job id, and so fit to stand in a command."""
    return whole_number(text) is not None


def mentions_any_job(job_ids: Iterable[str], text: str) -> bool:
    """Whether a text names one of these jobs (raw ids).

    Rows about them that nobody understands do; a banner around an answer without rows does not.
    """
    return not set(job_ids).isdisjoint(re.findall(r"[0-9]+", text))


def _is_header(entry: str) -> bool:
    return entry.startswith((f"JOBID{SEPARATOR}", f"JOBID{_INNER_SEPARATOR}"))


def _job(entry: str, granted: Mapping[str, Resources]) -> QueuedJob | None:
    first, separator, others = entry.partition(SEPARATOR)
    job_id, *needs = first.split(_INNER_SEPARATOR)
    raw = fields(tuple(_LETTERS), job_id + separator + others, SEPARATOR)
    if raw is None or not is_job_id(job_id):
        return None
    required_nodes, required_features = needs if len(needs) == 2 else (None, "")
    text = {name: clean_or_none(value) for name, value in raw.items() if name != "nodes"}
    state = text["state"]
    is_array = text["array_task_id"] not in (None, "N/A")
    het_job_id, plus, _ = raw["shown_id"].partition("+")
    start, end = moment(raw["start"]), moment(raw["end"])
    is_waiting = read_state(state).is_waiting
    allocation = granted.get(job_id) or _from_letters(raw)
    return QueuedJob(
        job_id=job_id,
        array_job_id=text["array_job_id"] if is_array else None,
        array_task_id=text["array_task_id"] if is_array else None,
        het_job_id=het_job_id if plus and is_job_id(het_job_id) else None,
        name=text["name"],
        user=text["user"],
        account=_told(text["account"]),
        partition=text["partition"],
        qos=_told(text["qos"]),
        state=state,
        reason=None if text["reason"] == "None" else text["reason"],
        nodes=expand(raw["nodes"]),
        required_nodes=None if required_nodes is None else expand(without_controls(required_nodes)),
        required_features=_told(clean_or_none(required_features)),
        submitted_at=moment(raw["submitted"]),
        started_at=None if is_waiting else start,
        expected_start_at=start if is_waiting else None,
        # A job that waits has no end yet, and for one without a limit SLURM makes one up: a year after its start.
        ends_at=None if is_waiting or raw["time_limit"] == "UNLIMITED" else end,
        time_limit_seconds=duration_seconds(raw["time_limit"]),
        cpus=count(raw["cpus"]),
        memory_bytes=allocation.memory_bytes,
        gpus=allocation.gpus,
    )


def _from_letters(raw: Mapping[str, str]) -> Resources:
    """Return what the letters alone tell of memory and GPUs; right where memory was not asked for by the CPU."""
    cpus, nodes = count(raw["cpus"]), count(raw["node_count"])
    each = gpus_per_node(raw["gres"])
    return Resources(
        cpus=cpus,
        memory_bytes=requested_memory_bytes(raw["memory"], nodes, cpus),
        gpus=each * nodes if each is not None and nodes is not None else None,
    )


def _told(text: str | None) -> str | None:
    return None if text in ("(null)", "N/A") else text


# After so many refusals in a row, of which an old squeue's "Invalid job format" is one, the letters have to do.
MAX_REFUSALS = 3


class QueueReader:
    """Knows the user's jobs in the queue.

    Parameters
    ----------
    commands
        To run ``squeue`` with.
    log
        Where its answers and failures are noted.
    user
        Whose jobs.
    """

    def __init__(self, commands: Commands, log: SourceLog, user: str) -> None:
        self._commands = commands
        self._log = log
        self._user = user
        # Unknown beforehand, so that no job's name can hold it.
        self._mark = f"\x1e{secrets.token_hex(4)}"
        self._granted: dict[str, Resources] = {}
        # By job, whether it had started when its resources were read.
        self._had_started: dict[str, bool] = {}
        self._refusals = 0

    async def read(self) -> tuple[QueuedJob, ...]:
        """Ask, and return the jobs.

        Raises
        ------
        SourceError
            squeue failed, or printed nothing but rubbish.
        """
        with self._log.attempt():
            printed = await self._commands.run(*queue_command(self._user, self._mark))
            queue = _parse(printed, self._mark, self._granted)
        if await self._learn_resources(queue.jobs):
            queue = _parse(printed, self._mark, self._granted)
        if queue.not_understood:
            # The others were, so this is no failure; yet it is to be seen.
            self._log.remark(f"{counted(queue.not_understood, 'line')} of squeue's output not understood")
        return queue.jobs

    async def _learn_resources(self, jobs: tuple[QueuedJob, ...]) -> bool:
        """Read the resources of new jobs; return whether any were learnt. Failing that, squeue's letters have to do."""
        started = {
            job.job_id: not (read_state(job.state).is_waiting or read_state(job.state).is_starting) for job in jobs
        }
        self._granted = {job_id: granted for job_id, granted in self._granted.items() if job_id in started}
        self._had_started = {job_id: had for job_id, had in self._had_started.items() if job_id in started}
        new = {job_id for job_id, has in started.items() if self._had_started.get(job_id) != has}
        if not new or self._refusals >= MAX_REFUSALS:
            return False
        try:
            found = parse_resources((await self._commands.run(*resources_command(self._user))).checked())
        except SourceError:
            self._refusals += 1
            return False
        # Of a field that it doesn't know, squeue only complains, and prints the others.
        self._refusals = 0 if found else self._refusals + 1
        self._granted |= {job_id: found[job_id] for job_id in new if job_id in found}
        self._had_started |= {job_id: started[job_id] for job_id in new}
        return bool(found)


def _parse(printed: CommandOutput, mark: str, granted: dict[str, Resources]) -> Queue:
    text = printed.checked()
    queue = parse_queue(text, mark, granted) if mark in text or not printed.errors else Queue(jobs=())
    if not queue.jobs and printed.errors:
        # Of an unknown user, 22.05 to 26.05 print the header line, complain, and end with status 0.
        raise SourceError(printed.error_message)
    return queue
