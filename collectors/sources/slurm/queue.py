"""Read a user's jobs in the queue with ``squeue``. Changes nothing in SLURM.

Uses the format letters of ``-o``, which work from SLURM 19.05 on. SLURM quotes nothing and a job name may contain
anything, so each job is between two random delimiters, with its name last.
"""

import re
import secrets
from collections.abc import Iterable, Mapping

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import QueuedJob
from dasktop.collectors.model.record import Record
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

_DEMANDS = {
    "required_nodes": "%n",
    "required_features": "%f",
    # Recorded output may end here.
    "excluded_nodes": "%x",
    "licenses": "%W",
    "dependency": "%E",
    "shares_nodes": "%h",
    "reservation": "%v",
    "cpus_per_node": "%c",
    "priority": "%Q",
    "planned_nodes": "%Y",
}
_FEWEST_DEMANDS = 2

_LETTERS = {
    # The raw id, then what the job insists on; unknown if it is missing.
    "job_id": _INNER_SEPARATOR.join(("%A", *_DEMANDS.values())),
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
    # Free text last, where a separator in it affects no other field. Reasons are an open set, some with spaces.
    "reason": "%r",
    "name": "%j",
}
_JOB_ID_WIDTH, _TRES_WIDTH = 30, 400


class Queue(Record, frozen=True, kw_only=True):
    """The parsed jobs, and the number of entries that could not be parsed."""

    jobs: tuple[QueuedJob, ...]
    not_parsed: int = 0


def queue_command(user: str, delimiter: str) -> tuple[str, ...]:
    """Return the command. Asking for one user's jobs is a small RPC (``--me`` needs 20.02; ``-u`` works everywhere)."""
    # With its header line: if it is there, squeue has accepted the format, even if there are no jobs.
    return ("squeue", "-u", user, "-o", delimiter + SEPARATOR.join(_LETTERS.values()) + delimiter)


def parse_queue(text: str, delimiter: str, granted: Mapping[str, Resources] | None = None) -> Queue:
    """Parse squeue's output.

    Parameters
    ----------
    text
        As output, not cleaned yet.
    delimiter
        The delimiter in `queue_command`.
    granted
        Resources by job id, from `parse_resources`; they are more accurate than squeue's format letters.

    Raises
    ------
    SourceError
        There is output, and none of it could be parsed.
    """
    # The delimiters separate, alternately, text around the jobs (newlines, ``CLUSTER: x``, banners) and the jobs.
    entries = text.split(delimiter)[1::2]
    rows = [entry for entry in entries if not _is_header(entry)]
    parsed = [_job(row, granted or {}) for row in rows]
    jobs = tuple(job for job in parsed if job is not None)
    not_parsed = len(rows) - len(jobs)
    if not jobs and (not_parsed or (text.strip() and not entries)):
        raise SourceError(f"dasktop does not understand the output of squeue: '{clean(text)[:60]}'")
    return Queue(jobs=jobs, not_parsed=not_parsed)


def resources_command(user: str) -> tuple[str, ...]:
    """Return the command for the resources that each job was allocated, or requests while it is pending.

    ``%m`` is the minimum per node or per CPU, and newer versions do not show which: 22.05 prints ``300M`` for 4 CPUs
    on 2 nodes with ``--mem-per-cpu=300M``, but ``mem=1200M`` for ``tres-alloc``. ``-O`` truncates at a field's width.
    """
    return ("squeue", "-h", "-u", user, "-O", f"JobID:{_JOB_ID_WIDTH},tres-alloc:{_TRES_WIDTH}")


def parse_resources(text: str) -> dict[str, Resources]:
    """Parse the output of `resources_command`: resources by job id. Other lines are skipped."""
    found: dict[str, Resources] = {}
    for line in text.split("\n"):
        job_id, tres = line[:_JOB_ID_WIDTH].strip(), line[_JOB_ID_WIDTH:].rstrip()
        if len(tres) >= _TRES_WIDTH:  # truncated: the last part may be incomplete
            tres = tres.rpartition(",")[0]
        if is_job_id(job_id) and "=" in tres:
            found[job_id] = resources(tres)
    return found


def script_path_command(user: str, delimiter: str) -> tuple[str, ...]:
    """Return the command for the path of each job's script."""
    return ("squeue", "-h", "-u", user, "-o", f"{delimiter}%A{SEPARATOR}%o{delimiter}")


def parse_script_paths(text: str, delimiter: str) -> list[tuple[str, str]]:
    """Parse the output of `script_path_command`: job ids and paths."""
    entries = (entry.partition(SEPARATOR) for entry in text.split(delimiter)[1::2])
    return [(job_id, command) for job_id, _, command in entries if is_job_id(job_id)]


def is_job_id(text: str) -> bool:
    """Return whether this is a raw job id, and so may be part of a command."""
    return whole_number(text) is not None


def mentions_any_job(job_ids: Iterable[str], text: str) -> bool:
    """Return whether a text contains the id of one of these jobs (raw ids).

    This distinguishes rows that cannot be parsed from a banner without rows.
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
    demands = dict(zip(_DEMANDS, needs, strict=False)) if _FEWEST_DEMANDS <= len(needs) <= len(_DEMANDS) else {}
    named = {name: _value_or_none(clean_or_none(demands.get(name, ""))) for name in _DEMANDS}
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
        account=_value_or_none(text["account"]),
        partition=text["partition"],
        qos=_value_or_none(text["qos"]),
        state=state,
        reason=None if text["reason"] == "None" else text["reason"],
        nodes=expand(raw["nodes"]),
        required_nodes=_node_names(demands.get("required_nodes")),
        required_features=named["required_features"],
        excluded_nodes=_node_names(demands.get("excluded_nodes")),
        licenses=named["licenses"],
        gres=_value_or_none(text["gres"]),
        dependency=named["dependency"],
        reservation=named["reservation"],
        is_exclusive=None if named["shares_nodes"] is None else named["shares_nodes"] == "NO",
        node_count=count(raw["node_count"]),
        cpus_per_node=count(demands.get("cpus_per_node", "")),
        priority=whole_number(demands.get("priority", "")) if is_waiting else None,
        planned_nodes=(_node_names(demands.get("planned_nodes")) or ()) if is_waiting else (),
        submitted_at=moment(raw["submitted"]),
        started_at=None if is_waiting else start,
        expected_start_at=start if is_waiting else None,
        # A pending job has no end time; for a job without a limit, SLURM prints a year after its start.
        ends_at=None if is_waiting or raw["time_limit"] == "UNLIMITED" else end,
        time_limit_seconds=duration_seconds(raw["time_limit"]),
        cpus=count(raw["cpus"]),
        memory_bytes=allocation.memory_bytes,
        gpus=allocation.gpus,
    )


def _from_letters(raw: Mapping[str, str]) -> Resources:
    """Return the resources from squeue's format letters; correct unless memory was requested per CPU."""
    cpus, nodes = count(raw["cpus"]), count(raw["node_count"])
    per_node = gpus_per_node(raw["gres"])
    return Resources(
        cpus=cpus,
        memory_bytes=requested_memory_bytes(raw["memory"], nodes, cpus),
        gpus=per_node * nodes if per_node is not None and nodes is not None else None,
    )


def _node_names(text: str | None) -> tuple[str, ...] | None:
    """Return the names in a node list, none for an empty one; ``None``: unknown."""
    return None if text is None else expand(without_controls(text))


def _value_or_none(text: str | None) -> str | None:
    return None if text in ("(null)", "N/A") else text


# After this many errors in a row, such as an old squeue's "Invalid job format", only the format letters are used.
MAX_FAILURES = 3


class QueueReader:
    """Reads a user's jobs in the queue.

    Parameters
    ----------
    commands
        Runs ``squeue``.
    log
        Records its answers and failures.
    user
        The owner of the jobs.
    """

    def __init__(self, commands: Commands, log: SourceLog, user: str) -> None:
        self._commands = commands
        self._log = log
        self._user = user
        # Random, so that no job name can contain it.
        self._delimiter = f"\x1e{secrets.token_hex(4)}"
        self._granted: dict[str, Resources] = {}
        # By job: whether it had started when its resources were read.
        self._had_started: dict[str, bool] = {}
        self._failures = 0

    async def read(self) -> tuple[QueuedJob, ...]:
        """Query and return the jobs.

        Raises
        ------
        SourceError
            squeue failed, or its output could not be parsed.
        """
        with self._log.attempt():
            output = await self._commands.run(*queue_command(self._user, self._delimiter))
            queue = _parse(output, self._delimiter, self._granted)
        if await self._read_resources(queue.jobs):
            queue = _parse(output, self._delimiter, self._granted)
        if queue.not_parsed:
            # The others were parsed, so this is not a failure; but it is shown.
            self._log.remark(f"{counted(queue.not_parsed, 'line')} of squeue's output not understood")
        return queue.jobs

    async def _read_resources(self, jobs: tuple[QueuedJob, ...]) -> bool:
        """Read the resources of new jobs; return whether any were found. On failure, the format letters are used."""
        started = {
            job.job_id: not (read_state(job.state).is_waiting or read_state(job.state).is_starting) for job in jobs
        }
        self._granted = {job_id: granted for job_id, granted in self._granted.items() if job_id in started}
        self._had_started = {job_id: had for job_id, had in self._had_started.items() if job_id in started}
        new = {job_id for job_id, has in started.items() if self._had_started.get(job_id) != has}
        if not new or self._failures >= MAX_FAILURES:
            return False
        try:
            found = parse_resources((await self._commands.run(*resources_command(self._user))).checked())
        except SourceError:
            self._failures += 1
            return False
        # For an unknown field, squeue prints an error and all other fields.
        self._failures = 0 if found else self._failures + 1
        self._granted |= {job_id: found[job_id] for job_id in new if job_id in found}
        self._had_started |= {job_id: started[job_id] for job_id in new}
        return bool(found)


def _parse(output: CommandOutput, delimiter: str, granted: dict[str, Resources]) -> Queue:
    text = output.checked()
    queue = parse_queue(text, delimiter, granted) if delimiter in text or not output.errors else Queue(jobs=())
    if not queue.jobs and output.errors:
        # For an unknown user, 22.05 to 26.05 print the header line and an error, and exit with status 0.
        raise SourceError(output.error_message)
    return queue
