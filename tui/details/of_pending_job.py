"""The details of a pending job: why it waits, what it insists on, its place in the queue, and what is free. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from dasktop.collectors.analysis.node_room import lacks
from dasktop.collectors.model.jobs import command_id, is_pending
from dasktop.collectors.model.queries import Answer, FreeNode, FreeNodes, Question, QueuePosition
from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.sources.slurm.reasons import HELD, WAITING_FOR_NODES, advice_for, reason_of, requirement
from dasktop.collectors.text.format import counted, whole_minutes
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.prose import Entry, Fact
from dasktop.tui.draw.times import moment

NO_ANSWERS: Mapping[Question, Answer] = {}
_MOST_NAMES = 6
_MOST_GROUPS = 5


def waiting_entries(job: Job, now: datetime, answers: Mapping[Question, Answer] = NO_ANSWERS) -> Iterator[Entry]:
    """Yield why a job waits, what it insists on, its place in the queue, what is free, and advice."""
    reason = reason_of(job.reason)
    yield Fact("reason", why(job), "text" if reason is None else "waiting")
    if reason is not None:
        if job.reason != reason.code:
            yield Fact("", f"SLURM: {job.reason}", "quiet")
        if reason.code not in HELD and reason.resolves_by_waiting is False:
            yield Fact("", "Waiting does not resolve this.", "bad")
    yield from _demands(job)
    start = job.expected_start_at
    on = f" on {_names(job.planned_nodes)}" if job.planned_nodes else ""
    if start is not None and start > now:
        yield Fact("starts", f"about {moment(start, now)}, in {whole_minutes((start - now).total_seconds())}{on}")
    elif is_pending(job):
        yield Fact("starts", f"{figures.UNKNOWN}  (SLURM has no estimate)")
    questions = questions_about(job)
    place, free = map(answers.get, questions) if questions else (None, None)
    if place is not None and not (free is not None and free.error is not None and place.error == free.error):
        yield from _place(job, place)
    if free is not None:
        yield from _free_nodes(job, free)
    if reason is not None:
        advice = advice_for(reason, command_id(job), job.required_nodes, job.required_features)
        if advice:
            yield Fact("advice", advice)


def _demands(job: Job) -> Iterator[Entry]:
    """Yield what a pending job insists on, besides an amount of CPUs, memory and time."""
    if required := requirement(job.required_nodes, job.required_features):
        yield Fact("requires", required)
    demands = (
        ("excludes", _names(job.excluded_nodes or ()), "--exclude"),
        ("needs", job.gres, "--gres, on each node"),
        ("licenses", job.licenses, "--licenses"),
        ("depends on", job.dependency, "--dependency"),
        ("within", job.reservation, "--reservation"),
        ("whole nodes", "no other job may run on its nodes" if job.is_exclusive else None, "--exclusive"),
    )
    for label, words, option in demands:
        if words:
            yield Fact(label, f"{words} ({option})")


def questions_about(job: Job) -> tuple[Question, ...]:
    """Return the queries whose answers explain why a job waits; none if it waits for something else than nodes."""
    reason = reason_of(job.reason)
    if not is_pending(job) or job.partition is None or (reason and reason.code not in WAITING_FOR_NODES):
        return ()
    return QueuePosition(job_id=job.job_id, partition=job.partition), FreeNodes(partition=job.partition)


def _place(job: Job, answer: Answer) -> Iterator[Entry]:
    """Yield where the job comes in the queue."""
    place = answer.place
    if place is None:
        yield Fact("position", f"{figures.UNKNOWN}  ({answer.error})", "quiet")
    elif place.number is None:
        yield Fact("position", f"{figures.UNKNOWN}  ({place.remark})")
    else:
        of = f" of {counted(place.of, 'pending job')}" if place.of is not None else ""
        yield Fact("position", f"{place.number:,}{of} in {job.partition}, by priority")


def _free_nodes(job: Job, answer: Answer) -> Iterator[Entry]:
    """Yield the free resources of the nodes of the job's partition, those without a lack first."""
    if answer.error is not None:
        yield Fact("free nodes", answer.error, "quiet")
        return
    alike: dict[tuple[tuple[str, ...], str], list[FreeNode]] = {}
    for node in answer.nodes:
        alike.setdefault((lacks(job, node), _free_on(node, job)), []).append(node)
    groups = sorted(alike.items(), key=lambda group: (len(group[0][0]), -group[1][0].cpus))
    for label, ((missing, words), nodes) in zip(("free nodes", *[""] * (_MOST_GROUPS - 1)), groups, strict=False):
        each = " each" if len(nodes) > 1 else ""
        why_not = f"; {', '.join(missing)}" if missing else ""
        yield Fact(
            label, f"{_names([node.name for node in nodes])}: {words}{each}{why_not}", "quiet" if missing else "text"
        )
    if len(groups) > _MOST_GROUPS:
        others = sum(len(nodes) for _, nodes in groups[_MOST_GROUPS:])
        yield Fact("", f"and {counted(others, 'other node')} with free CPUs", "quiet")
    if not groups:
        yield Fact("free nodes", f"no free CPUs on any node of {job.partition}")


def _free_on(node: FreeNode, job: Job) -> str:
    """Return what is free on a node, with what else matters for this job."""
    gpus = f", {counted(node.gpus, 'GPU')}" if job.allocated.gpus and node.gpus is not None else ""
    about = f", features {node.features}" if job.required_features and node.features else ""
    return f"{counted(node.cpus, 'CPU')}{gpus}, {figures.bytes_text(node.memory_bytes)} free{about}"


def _names(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {figures.count(more)} more" if more > 0 else "")


def why(job: Job) -> str:
    """Return why a job waits, as a phrase."""
    if job.reason is None:
        return "not yet reported by SLURM"
    reason = reason_of(job.reason)
    return f"SLURM: {job.reason}" if reason is None else f"{reason.meaning} ({reason.code})"
