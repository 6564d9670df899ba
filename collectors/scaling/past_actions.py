"""What the log of actions tells of the past: who gave a job back, and what was begun and never ended."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from dasktop.collectors.model.jobs import has_ended
from dasktop.collectors.model.snapshot import Adaptive, Record, Snapshot
from dasktop.collectors.scaling.action_log import path
from dasktop.collectors.text.clean import clean
from dasktop.collectors.text.format import counted, listed

MOST_BYTES = 256 << 10
"""So much is read of the log's end."""

_WHO = re.compile(r"(?P<user>[^@\s]*)@(?P<host>[^,\s]*), process (?P<pid>[0-9]{1,9})")

Became = Literal["gone", "still there", "unknown"]


class Action(Record, frozen=True, kw_only=True):
    """One action, as far as its lines tell."""

    action: str
    at: datetime
    """When its latest line was written."""
    event: str
    """Of the latest line: ``begun`` where nothing tells how it ended."""
    who: str
    scheduler_id: str
    target: str
    submit: int = 0
    release: tuple[str, ...] = ()
    """Job ids."""
    adapt: Adaptive | None = None
    stop_adapting: bool = False

    @property
    def host(self) -> str | None:
        """Where it was done."""
        match = _WHO.fullmatch(self.who)
        return match["host"] if match else None

    @property
    def pid(self) -> int | None:
        """By which process of that host."""
        match = _WHO.fullmatch(self.who)
        return int(match["pid"]) if match else None


def read(environment: Mapping[str, str]) -> tuple[Action, ...]:
    """Return what the end of the log tells; nothing where there is none."""
    try:
        with path(environment).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - MOST_BYTES))
            return parse(file.read(MOST_BYTES))
    except OSError:
        return ()


def parse(text: bytes) -> tuple[Action, ...]:
    """Read lines of the log. What is no line of ours, such as the first half of one that is cut, tells nothing."""
    found: dict[str, Action] = {}
    for line in text.split(b"\n"):
        try:
            action = msgspec.json.decode(line, type=Action)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        found[action.action] = msgspec.structs.replace(
            action,
            action=clean(action.action),
            event=clean(action.event),
            who=clean(action.who),
            scheduler_id=clean(action.scheduler_id),
            target=clean(action.target),
            release=tuple(map(clean, action.release)),
        )
    return tuple(found.values())


def releases(actions: Iterable[Action], scheduler_id: str | None) -> dict[str, str]:
    """Return by job id who gave jobs of this scheduler's back through dasktop."""
    return {
        job_id: action.who for action in actions if action.scheduler_id == scheduler_id for job_id in action.release
    }


def unfinished(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return what was begun and never ended. It may be under way still."""
    return tuple(action for action in actions if action.event == "begun")


def became(action: Action, snapshot: Snapshot) -> dict[str, Became]:
    """Return what became of each job that was to be given back, as the snapshot shows it now."""
    queue = next((source for source in snapshot.sources if source.name == "slurm.queue"), None)
    there = {job.job_id for job in snapshot.jobs if job.state is not None and not has_ended(job)}
    is_known = queue is not None and queue.state == "ok"
    return {
        job_id: ("still there" if job_id in there else "gone") if is_known else "unknown" for job_id in action.release
    }


def became_words(action: Action, found: Mapping[str, Became], snapshot: Snapshot) -> str:
    """Say that an action was broken off by the end of its dasktop, and how things are now."""
    parts = []
    for state in ("gone", "still there", "unknown"):
        ids = [job_id for job_id, how in found.items() if how == state]
        if ids:
            jobs = f"job {ids[0]} is" if len(ids) == 1 else f"jobs {listed(ids)} are"
            parts.append(f"whether {jobs} gone is unknown" if state == "unknown" else f"{jobs} {state}")
    if action.submit:
        parts.append(
            f"whether {counted(action.submit, 'job')} had been submitted is unknown: squeue shows which there are"
        )
    if action.adapt is not None or action.stop_adapting:
        parts.append(_adapting_words(action, snapshot))
    return f"a dasktop ended in the middle of '{action.target}' ({action.who}): {'; '.join(parts) or 'nothing is left'}"


def _adapting_words(action: Action, snapshot: Snapshot) -> str:
    owner = snapshot.cluster.owner
    if owner is None or snapshot.cluster.scheduler_id != action.scheduler_id:
        return "whether adaptive scaling was changed is unknown"
    return f"adaptive scaling is {'on' if owner.adaptive is not None else 'off'} now"
