"""squeue: the jobs that wait, run or are completing, or their steps.

Only reads.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from dasktop.collectors.embedded_slurm.commands.call import (
    VERSION_REPLY,
    Call,
    Reply,
    lines,
    matches,
    priority_order,
    users,
)
from dasktop.collectors.embedded_slurm.fields import JOB_FIELDS, JOB_LETTERS, STEP_LETTERS, Field, View
from dasktop.collectors.embedded_slurm.hostlist import expand
from dasktop.collectors.embedded_slurm.options import ParsedOptions, Refused, table
from dasktop.collectors.embedded_slurm.records import Job, State
from dasktop.collectors.embedded_slurm.selection import Selector, chosen, parse_list, parse_states, shown_states
from dasktop.collectors.embedded_slurm.units import UnreadableError

_OPTIONS = table("""
    -A --account=LIST
    -M --clusters=LIST
    -O --Format=TEXT
    -V --version
    -a --all
    -h --noheader
    -j --jobs[=LIST]
    -l --long
       --me
    -n --name=LIST
       --noconvert
    -o --format=TEXT
    -p --partition=LIST
    -q --qos=LIST
    -r --array
    -s --steps[=LIST]
    -t --states=LIST
    -u --user=LIST
    -w --nodelist=LIST
""")
_JOBS = "%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R"
_LONG = "%.18i %.9P %.8j %.8u %.8T %.10M %.9l %.6D %R"
_STEPS = "%.15i %.8j %.9P %.8u %.9M %N"
_USUAL_STATES = {"PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING"}
_STATE_ORDER = list(State)


@dataclass(frozen=True, slots=True)
class _Column:
    """A piece of fixed text, or a field with its width and the text after it."""

    field: Field | None
    width: int | None = None
    right: bool = False
    suffix: str = ""

    def fit(self, text: str) -> str:
        if self.width is not None:
            text = f"{text:>{self.width}}" if self.right else f"{text:<{self.width}}"
            text = text[: self.width]
        return text + self.suffix

    def cell(self, view: View) -> str:
        return self.fit(self.field.text(view) if self.field else "")

    def head(self) -> str:
        return self.fit(self.field.header if self.field else "")


def squeue(call: Call) -> Reply:
    """Answer one squeue."""
    given = call.read(_OPTIONS)
    if "version" in given:
        return VERSION_REPLY
    _take_plain_list(given)
    steps = "steps" in given
    columns = _columns(call, given, steps)
    jobs = _select(call, given)
    views = _step_views(call, given, jobs) if steps else [_view(call, job) for job in jobs]
    rows = [] if "noheader" in given else ["".join(column.head() for column in columns)]
    if "clusters" in given and "noheader" not in given:
        rows.insert(0, f"CLUSTER: {call.workload.settings.cluster}")
    rows += ["".join(column.cell(view) for column in columns) for view in views]
    return Reply(lines(rows))


def _take_plain_list(given: ParsedOptions) -> None:
    # `squeue -j 12` and `squeue -s 12.0`: the list is optional, so getopt leaves it among the plain arguments.
    for name in ("jobs", "steps"):
        if given.rest and given.get(name) == "":
            given.values[name] = given.rest.pop(0)
    if given.rest:
        raise Refused(f"Unrecognized option: {given.rest[0]}")


def _view(call: Call, job: Job) -> View:
    return View(job, call.workload.settings, call.now, call.time_format)


def _select(call: Call, given: ParsedOptions) -> list[Job]:
    cluster = call.workload.settings.cluster
    for name in given.list_of("clusters") or []:
        if name not in {cluster, "all"}:
            raise Refused(f"No cluster '{name}' known by database.")
    visible = call.workload.visible(call.now)
    selectors = _selectors(given.get("jobs"))
    jobs = chosen(visible, selectors)
    if selectors is not None and len(selectors) == 1 and not jobs:
        raise Refused("slurm_load_jobs error: Invalid job id specified", bare=True)
    states = _states(given)
    wanted_users = users([call.user] if "me" in given else given.list_of("user") or [])
    nodes = expand(given.get("nodelist") or "")
    jobs = [
        job
        for job in jobs
        if shown_states(job) & states
        and (not wanted_users or job.request.uid in wanted_users)
        and (not nodes or set(nodes) & set(job.nodes))
        and matches(job.request.partition, given.list_of("partition"))
        and matches(job.request.account, given.list_of("account"))
        and matches(job.request.qos, given.list_of("qos"))
        and matches(job.request.name, given.list_of("name"))
    ]
    jobs.sort(key=lambda job: (job.request.partition, _STATE_ORDER.index(job.state), *priority_order(job)))
    return list(_one_a_task(jobs)) if "array" in given else jobs


def _selectors(text: str | None) -> list[Selector] | None:
    if not text:
        return None
    try:
        return parse_list(text)
    except UnreadableError as error:
        raise Refused(f"Invalid job id: {error}") from None


def _states(given: ParsedOptions) -> set[str]:
    names = given.list_of("states")
    try:
        return _USUAL_STATES if names is None else parse_states(names)
    except UnreadableError as error:
        raise Refused(f"Invalid job state specified: {error}") from None


def _one_a_task(jobs: Iterable[Job]) -> Iterable[Job]:
    for job in jobs:
        if job.array_rest:
            yield from (replace(job, array_rest=(), array_task_id=index) for index in job.array_rest)
        else:
            yield job


def _step_views(call: Call, given: ParsedOptions, jobs: Iterable[Job]) -> list[View]:
    selectors = _selectors(given.get("steps"))
    return [
        replace(_view(call, job), step=step)
        for job in jobs
        for step in sorted(job.steps, key=lambda step: str(step.id).zfill(6))
        if step.ended_at is None
        and (selectors is None or any(selector.covers_step(job, step) for selector in selectors))
    ]


def _columns(call: Call, given: ParsedOptions, steps: bool) -> list[_Column]:
    names = given.get("Format") or (None if "format" in given else call.environment.get("SQUEUE_FORMAT2"))
    if names is not None and not steps:
        return [_named(part) for part in names.split(",")]
    usual = _STEPS if steps else _LONG if "long" in given else call.environment.get("SQUEUE_FORMAT", _JOBS)
    text = given.get("format")
    return _lettered(usual if text is None else text, steps)


def _lettered(text: str, steps: bool) -> list[_Column]:
    """Read ``%[[.]width]letter``; other text is printed unchanged."""
    first, *parts = text.split("%")
    columns = [_Column(None, suffix=first)] if first else []
    for part in parts:
        match = re.fullmatch(r"(\.?)(\d*)([A-Za-z])(.*)", part, re.DOTALL)
        letter = match[3] if match else part[:1]
        field = STEP_LETTERS.get(letter) if steps else JOB_FIELDS.get(JOB_LETTERS.get(letter, ""))
        if match is None or field is None:
            raise Refused(f"Invalid {'job step' if steps else 'job'} format specification: {letter}")
        columns.append(_Column(field, int(match[2]) if match[2] else None, bool(match[1]), match[4]))
    return columns


def _named(text: str) -> _Column:
    """Read ``Name``, ``Name:[.]width`` with a text to follow, or ``Name:`` for no width at all."""
    name, colon, rest = text.partition(":")
    field = JOB_FIELDS.get(name.strip().lower())
    if field is None:
        raise Refused(f"Invalid job format specification: {name.strip()}")
    match = re.fullmatch(r"(\.?)(\d*)(.*)", rest, re.DOTALL)
    if not colon or match is None:
        return _Column(field, 20)
    return _Column(field, int(match[2]) if match[2] else None, bool(match[1]), match[3])
