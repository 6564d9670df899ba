"""Replaces what tells who and where: users, accounts, hosts, addresses, paths, names and task keys. Does no I/O.

The same thing becomes the same replacement in all snapshots that one `Redactor` has seen, so that what belonged
together still does. Ids of jobs and processes, numbers, states and times stay. In free text (reasons, errors, findings)
only words stay that dasktop's own source knows; a field that is new to this module is taken for free text.
"""

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Record, Snapshot
from dasktop.collectors.recording.pseudonyms import Pseudonyms
from dasktop.collectors.recording.redacted_text import TextRedactor
from dasktop.collectors.recording.vocabulary import is_term

R = TypeVar("R", bound=Record)
Rule = Callable[[str], str]

_KEPT = (
    "Source.name",
    "Source.state",
    "Thread.role",
    "Worker.evidence",
    "Job.array_task_id",
    "Job.evidence",
    "Finding.code",
    "Finding.severity",
    "WorkerEvent.kind",
)


class Redactor:
    """Remembers what it replaced by what.

    Parameters
    ----------
    user, host
        Who watches and from where, as far as it is known: a text may tell of them before any snapshot has them.
    """

    def __init__(self, user: str | None = None, host: str | None = None) -> None:
        self._names = Pseudonyms()
        self._text = TextRedactor(self._names)
        self._is_learning = False
        if user:
            self._names.named("user", user)
        if host:
            self._names.host(host)

    def learn(self, snapshot: Snapshot) -> None:
        """Take in the names, wherever they stand, to know them in texts from now on."""
        self._is_learning = True
        self._record(snapshot)
        self._is_learning = False

    def redacted(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with everything replaced."""
        self.learn(snapshot)
        return self._record(snapshot)

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        names = self._names
        return dict.fromkeys(_KEPT, lambda text: text) | {
            "Cluster.scheduler_address": names.address,
            "Owner.name": names.worker,
            "Owner.host": names.host,
            "Owner.job_ids": names.worker,
            "Owner.job_ids values": names.job_id,
            "Cluster.scheduler_id": names.scheduler_id,
            "Job.job_id": names.job_id,
            "Job.array_job_id": names.job_id,
            "Job.het_job_id": names.job_id,
            "Finding.job_id": names.job_id,
            "Finding.job_ids": names.job_id,
            "Worker.name": names.worker,
            "Worker.address": names.address,
            "Worker.host": names.host,
            "Worker.inherited_job_id": names.job_id,
            "WorkerEvent.worker": names.worker,
            "WorkerEvent.address": names.address,
            "WorkerEvent.job_id": names.job_id,
            "Task.node": names.host,
            "Thread.name": names.thread,
            "Thread.task_key": names.task_key,
            "Job.name": names.job,
            "Job.user": lambda text: names.named("user", text),
            "Fate.cancelled_by": lambda text: names.named("user", text),
            "Job.account": lambda text: names.named("account", text),
            "Job.partition": lambda text: names.named("partition", text),
            "Job.qos": lambda text: names.named("qos", text),
            "Job.nodes": names.host,
            "Job.required_nodes": names.host,
            "Job.required_features": lambda text: names.named("feature", text),
            "Finding.worker": names.worker,
            "Finding.workers": names.worker,
            "Job.state": self._term,
            "Job.reason": self._term,
            "Fate.state": self._term,
            "Worker.status": self._term,
            "Cluster.task_counts": self._term,
        }

    def _term(self, text: str) -> str:
        """Return a state or a reason: what SLURM and dask call so stays, whoever is called so too."""
        first, blank, rest = text.partition(" ")
        return f"{first}{blank}{self._free(rest)}" if is_term(first) else self._free(text)

    def _free(self, text: str) -> str:
        return text if self._is_learning else self._text.redacted(text)

    def _record(self, record: R) -> R:
        new = {}
        for name, place in _fields_with_text(type(record)):
            value = getattr(record, name)
            if value is not None:
                new[name] = self._value(value, place)
        return replace(record, **new) if new and not self._is_learning else record

    def _value(self, value: Any, place: str) -> Any:
        if isinstance(value, str):
            rule = self._rules.get(place)
            return rule(value) if rule else self._free(value)
        if isinstance(value, Record):
            return self._record(value)
        if isinstance(value, tuple):
            return tuple(self._value(item, place) for item in value)
        if isinstance(value, dict):
            return {self._value(key, place): self._value(item, f"{place} values") for key, item in value.items()}
        return value


@cache
def _fields_with_text(kind: type[Record]) -> tuple[tuple[str, str], ...]:
    """Return the fields that may hold text, at whatever depth; each with its place."""
    return tuple((name, f"{kind.__name__}.{name}") for name, held in get_type_hints(kind).items() if _may_be_text(held))


def _may_be_text(held: Any) -> bool:
    if get_origin(held) is Literal or held is str or held is Any:
        return True
    if isinstance(held, type) and issubclass(held, Record):
        return bool(_fields_with_text(held))
    return any(map(_may_be_text, get_args(held)))
