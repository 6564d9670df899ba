"""The log of scaling actions: one line of JSON at the start and one at the end of each action. Append-only.

In the user's state directory: ``$XDG_STATE_HOME/dasktop/actions.log``, else below ``~/.local/state``.
"""

import os
import re
import secrets
import socket
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from dasktop.collectors.model.jobs import has_ended
from dasktop.collectors.model.plan import Outcome, ScalePlan
from dasktop.collectors.model.readings import DaskReading, Released
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Adaptive, Snapshot
from dasktop.collectors.model.sources import answers
from dasktop.collectors.system.files import make_private, private_opener, user_folder
from dasktop.collectors.text.clean import clean
from dasktop.collectors.text.format import counted, listed


class ActionLog:
    """Logs one action.

    Parameters
    ----------
    environment
        Has ``XDG_STATE_HOME`` and ``HOME``.
    who
        User, host and process.
    plan, address
        What is done, and to which scheduler.
    """

    def __init__(self, environment: Mapping[str, str], who: str, plan: ScalePlan, address: str) -> None:
        self._path = path(environment)
        self._line: dict[str, Any] = {
            "action": secrets.token_hex(4),
            "who": who,
            "scheduler": address,
            "scheduler_id": plan.scheduler_id,
            "target": plan.target,
            "submit": plan.submit,
            "release": [job.job_id for job in plan.release],
            "replace": [lost.job_id for lost in plan.replace],
            "adapt": plan.adapt,
            "plan": plan.identity,
            "stop_adapting": plan.stop_adapting,
        }
        self.write_error: str | None = None
        """Why the log could not be written. This does not stop an action; its outcome reports it."""

    def begun(self) -> None:
        """Log the start."""
        self._write({"event": "begun"})

    def ended(self, outcome: Outcome) -> None:
        """Log the outcome."""
        self._write({"event": "done" if outcome.done else "not done", "outcome": outcome})

    def interrupted(self) -> None:
        """Log an interruption."""
        self._write({"event": "interrupted"})

    def _write(self, event: dict[str, Any]) -> None:
        self.write_error = _append(self._path, {"at": datetime.now(UTC), **event, **self._line}) or self.write_error


def note(environment: Mapping[str, str], event: dict[str, Any]) -> None:
    """Append a line about an earlier action, which is ``event["action"]``."""
    action = msgspec.to_builtins(event["action"])
    _append(path(environment), {**action, **event, "action": action["action"], "at": datetime.now(UTC)})


def _append(file: Path, record: dict[str, Any]) -> str | None:
    """Append a line; return why that failed, or ``None``."""
    line = msgspec.json.encode(record) + b"\n"
    try:
        make_private(file.parent)
        # One append per line if possible, so that the lines of two dasktop processes do not mix.
        descriptor = private_opener(os.fspath(file), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            left = memoryview(line)
            while left:  # a short write means a full disk: the next one raises
                left = left[os.write(descriptor, left) :]
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"cannot write {file}: {error.strerror}"
    return None


def path(environment: Mapping[str, str]) -> Path:
    """Return the path of the log."""
    return user_folder(environment, "XDG_STATE_HOME", ".local/state") / "actions.log"


MOST_BYTES = 256 << 10
"""How much of the end of the log is read."""

_WHO = re.compile(r"(?P<user>[^@\s]*)@(?P<host>[^,\s]*), process (?P<pid>[0-9]{1,9})")

JobCheck = Literal["gone", "still there", "unknown"]


class Action(Record, frozen=True, kw_only=True):
    """One action, from its latest line."""

    action: str
    at: datetime
    """When its latest line was written."""
    event: str
    """Event of the latest line; ``begun`` if the outcome is unknown."""
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
        """The host that ran it."""
        match = _WHO.fullmatch(self.who)
        return match["host"] if match else None

    @property
    def pid(self) -> int | None:
        """The process id on that host."""
        match = _WHO.fullmatch(self.who)
        return int(match["pid"]) if match else None


def read(environment: Mapping[str, str]) -> tuple[Action, ...]:
    """Return the actions at the end of the log; none if there is no log."""
    try:
        with path(environment).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - MOST_BYTES))
            return parse(file.read(MOST_BYTES))
    except OSError:
        return ()


def parse(text: bytes) -> tuple[Action, ...]:
    """Parse lines of the log. Other text, such as a truncated line, is skipped."""
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
    """Return job id → who released that job of this scheduler through dasktop."""
    return {
        job_id: action.who for action in actions if action.scheduler_id == scheduler_id for job_id in action.release
    }


def unfinished(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return the actions that began and did not end. They may still be running."""
    return tuple(action for action in actions if action.event == "begun")


def check_released(action: Action, snapshot: Snapshot) -> dict[str, JobCheck]:
    """Return the state of each job that was to be released, as the snapshot shows it now."""
    there = {job.job_id for job in snapshot.jobs if job.state is not None and not has_ended(job)}
    is_known = answers(snapshot.sources, "slurm.queue")
    return {
        job_id: ("still there" if job_id in there else "gone") if is_known else "unknown" for job_id in action.release
    }


def unfinished_words(action: Action, found: Mapping[str, JobCheck], snapshot: Snapshot) -> str:
    """Return a sentence: dasktop ended during this action, and what is known of the result."""
    parts = []
    for state in ("gone", "still there", "unknown"):
        ids = [job_id for job_id, how in found.items() if how == state]
        if ids:
            jobs = f"job {ids[0]} is" if len(ids) == 1 else f"jobs {listed(ids)} are"
            parts.append(f"whether {jobs} gone is unknown" if state == "unknown" else f"{jobs} {state}")
    if action.submit:
        parts.append(
            f"whether {counted(action.submit, 'job')} {'was' if action.submit == 1 else 'were'} submitted is unknown: "
            "check with squeue"
        )
    if action.adapt is not None or action.stop_adapting:
        parts.append(_adapting_words(action, snapshot))
    return f"dasktop ended during '{action.target}' ({action.who}): {'; '.join(parts) or 'there is nothing to check'}"


def _adapting_words(action: Action, snapshot: Snapshot) -> str:
    owner = snapshot.cluster.owner
    if owner is None or snapshot.cluster.scheduler_id != action.scheduler_id:
        return "whether adaptive scaling was changed is unknown"
    return f"adaptive scaling is {'on' if owner.adaptive is not None else 'off'} now"


ASSUMED_ENDED_AFTER = timedelta(hours=24)
"""A process on another host cannot be checked from here; after this long it is assumed to have ended."""


def conclude_unfinished(environment: Mapping[str, str], snapshot: Snapshot) -> tuple[str, ...]:
    """Log the result of unfinished actions; return one sentence for each.

    Reads and writes a file: do not call it in an event loop.
    """
    sentences = []
    for action in unfinished(read(environment)):
        if _may_be_running(action, datetime.now(UTC)):
            continue
        found = check_released(action, snapshot)
        words = unfinished_words(action, found, snapshot)
        note(environment, {"event": "left in the middle", "found": found, "message": words, "action": action})
        sentences.append(words)
    return tuple(sentences)


def _may_be_running(action: Action, now: datetime) -> bool:
    if action.host != socket.gethostname() or action.pid is None:
        return now - action.at < ASSUMED_ENDED_AFTER
    import psutil  # imported late: only needed if an action is unfinished

    try:
        # A process that started after the action only has the same pid.
        return psutil.Process(action.pid).create_time() <= action.at.timestamp()
    except psutil.Error:
        return False


def released_by_owner(earlier: DaskReading, later: DaskReading) -> dict[str, Released]:
    """Return job id → release, for jobs that the owner counted before and no longer wants.

    A job that something else ended is still wanted: its owner submits another one under its name, or counts it as lost.
    """
    before, now = earlier.cluster.owner, later.cluster.owner
    if before is None or now is None or now.wanted is None:
        return {}
    counted = set(now.job_ids.values())
    gone = [job_id for name, job_id in before.job_ids.items() if name not in now.wanted and job_id not in counted]
    is_adaptive = before.adaptive is not None or now.adaptive is not None
    released = Released(
        by="cluster object", detail="adaptive scaling" if is_adaptive else "cluster.scale", not_before=earlier.taken_at
    )
    return dict.fromkeys(gone, released)
