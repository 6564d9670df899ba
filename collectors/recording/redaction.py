"""Redact snapshots: replace users, accounts, hosts, addresses, paths, names and task keys. Does no I/O.

One `Redactor` replaces the same thing in the same way in all snapshots, so that relations are kept. Ids of jobs and
processes, numbers, states and times are kept. In free text (reasons, errors, findings) only public words are: those of
dasktop's own messages (`public_words`) and of common errors. A field that is new to this module counts as free text.
"""

import ipaddress
import re
import signal
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from msgspec.structs import replace

from dasktop.collectors.model.file_systems import LOCAL_FILE_SYSTEMS, NETWORK_FILE_SYSTEMS
from dasktop.collectors.model.job_states import STATE_WORDS
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.recording.pseudonyms import Pseudonyms
from dasktop.collectors.recording.public_words import PUBLIC_WORDS
from dasktop.collectors.sources.slurm.reasons import reason_of

_HUMP = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# The parts of SLURM's reason codes.
_OF_REASONS = """
account admin allowed array assoc association avail bad begin billing buffer burst cleaning constraints cpu cpus
deadline defer depend dependency docker down energy failed failure features fed front gres grp held image inactive
invalid job jobs launch license licenses limit maint max maximum mem memory min minutes mode node nodes none not
number operation oversubscribe partition per permitted priority prolog qos raw req requeue requeued required
reservation reset resource resources run satisfied sched script signal stage start submit system task threads
threshold time timeout tres unavailable unk unknown usage user wait wall wckey
"""
_REASON_WORDS = frozenset(_OF_REASONS.split())

# The conditions of dependencies, as squeue prints them.
_OF_DEPENDENCIES = """
after afterany afterburstbuffer aftercorr afterfail afternotok afterok failed fulfilled singleton unfulfilled
"""

# Dask's states of workers and tasks, and words of SLURM's job states that do not matter elsewhere.
_STATES = """
LAUNCH_FAILED RECONFIG_FAIL UNKNOWN
closed closing closing_gracefully failed init paused running starting stopped stopping undefined
erred forgotten memory no-worker processing queued released waiting
"""
_TERMS = STATE_WORDS | frozenset(_STATES.split())

# What dask's workers measure; tasks may add their own.
_OF_TASKS = """
compress decompress deserialize disk-read disk-write executor failed gather memory-read memory-write network other
serialize spill thread-cpu thread-noncpu transfer
"""
_ACTIVITIES = frozenset(_OF_TASKS.split())


_FILE_SYSTEMS = NETWORK_FILE_SYSTEMS | LOCAL_FILE_SYSTEMS

# Python's exceptions, and frequent messages of Python, the system and SLURM's commands.
_OF_ERRORS = """
aborted address again allocate already argument arithmetic ascii assertion attribute authentication available bad
batch broken bus by byte bytes can cannot character child closed codec combination comm command configuration connect
connection contact controller copy could credential decode denied descriptor device directory division encode eof
error exceeded exception exec exit failed failure fault file floating format found group handle host illegal import in
index input instruction interrupt interrupted invalid io is iteration job key keyboard left limit limits list long
lookup memory message module more name named network no node nonzero not on open operation or os output overflow
partition peer permission permitted pipe point policy position process processors protocol qos quota raised read
recursion recv refused requested required reset resolution resource resources returned route runtime satisfied
segmentation send service signal size slurm slurmctld socket space specification specified stale status stop string
submission submit such syntax system temporarily temporary text than time timed timeout to too traceback type unable
unavailable unexpected unicode unreachable user utf value violates warning zero
"""
_UNITS = frozenset(["kib", "mib", "gib", "tib", "pib"])
_SIGNALS = frozenset(number.name.casefold() for number in signal.Signals)
_WORDS_KEPT = (
    PUBLIC_WORDS
    | _REASON_WORDS
    | frozenset(_OF_DEPENDENCIES.split())
    | frozenset(_OF_ERRORS.split())
    | _UNITS
    | _SIGNALS
)


def is_public(word: str) -> bool:
    """Return whether a word, or each part of one in camel case, is a public word."""
    if word in _FILE_SYSTEMS:
        return True
    if not (word.isascii() and word.isalpha()):
        return False
    return word.lower() in _WORDS_KEPT or _WORDS_KEPT.issuperset(humps(word))


def is_reason(word: str) -> bool:
    """Return whether a word has the form of SLURM's reasons: ``AssocGrpCPUMinutesLimit``."""
    return set(humps(word)) <= _REASON_WORDS


def is_term(word: str) -> bool:
    """Return whether a word is a state of a job, a worker or dask tasks, or a reason for which a job is pending."""
    return word in _TERMS or (word.isalpha() and reason_of(word) is not None)


def humps(word: str) -> list[str]:
    """Return the parts of a word in camel case, in lower case."""
    return [hump.lower() for hump in _HUMP.findall(word)]


_ROOT = r"(?: ~[\w-]* | \.{1,2} | [A-Za-z]: )? [/\\]"
"""The beginning of a path."""
# In this order, since each may occur within the one before: a path contains hosts, a sentence paths.
_PLACES = rf"""
    (?P<address> [A-Za-z][\w+.-]*://[^\s'",;<>()]+ )
  | (?P<quoted> (?<=') {_ROOT} [^']+ (?=') | (?<=") {_ROOT} [^"]+ (?=") )
  | (?P<path> (?<![\w/]) (?: {_ROOT} (?: \\\s | [^\s'",:;<>()\[\]] )+ | ~[A-Za-z][\w.-]* ) )
  | (?P<nodes> (?<=Nodes:) [^\s;()]+ )
  | (?P<hosts> [A-Za-z][\w.-]* \[[0-9,-]+\] [\w.-]* )
  | (?P<time> \d{{4}}-\d\d-\d\dT\d\d:[\d:.]*\dZ? )
  | (?P<ip6> (?<![\w:]) [0-9A-Fa-f]{{0,4}}(?: : [0-9A-Fa-f]{{0,4}}){{2,7}} (?: %\w+ )? (?![\w:]) )
  | (?P<ip> (?<![\w.]) \d{{1,3}}(?:\.\d{{1,3}}){{3}} (?! \w | \.\w ) )
  | (?P<user> (?: (?<=\bby\ user\ ) | (?<=\bfor\ user\ ) | (?<=\bInvalid\ user:\ ) ) [^\W_][\w.-]* )
"""
_TAIL = r"(?: [.@] [^\W_][\w-]* )*"
"""What may follow a known name: the domain of a host, the rest of a mail address."""
_WORDS = r"(?P<word> \w+ (?:[.@/+-]+\w+)* )"
_SOURCE_LINE = re.compile(r"\s{3,}\S")
_FLAG_SEPARATOR = re.compile(r"([+,])")
_TIME_OF_DAY = re.compile(r"[\d.]*(?::[\d.]*){2,3}")
_NOT_IN_A_PATH = re.compile(r"""[\s'",:;<>()\[\]]""")
_NUMBER = re.compile(r"[+-]?\d[\d.,:/+-]*(?:[KMGTPEkmg]i?B?|B|ms|s|min|h|d|x)?", re.ASCII)
_NUMBERED = re.compile(r"(SLURMCluster|dask-worker|dask_mpi|utf|latin)(?:-+\d+)*", re.ASCII | re.IGNORECASE)
_NUMBERED_HOST = re.compile(r"[A-Za-z][A-Za-z_-]*(?:-\d+)+", re.ASCII)
"""``ip-10-1-2-3``, ``gpu-4``: or any other numbered name."""
_BETWEEN = re.compile(r"[.@/+_-]+")
# The end of a fully qualified host name, but not of a module or script.
_DOMAIN = re.compile(r"[\w.-]+\.(?!py$|io$|sh$|gz$)(?:[a-z]{2}|com|edu|gov|int|internal|lan|local|mil|net|org|site)")
_MOST_CACHED = 20_000


class TextRedactor:
    """Replaces names in free text."""

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._done: dict[str, str] = {}
        self._known = 0

    def redacted(self, text: str) -> str:
        """Return the text without names."""
        if len(self._names.known) != self._known or len(self._done) >= _MOST_CACHED:
            self._known = len(self._names.known)
            self._done.clear()  # a word that was kept may be a known name now
        if text not in self._done:
            self._done[text] = _Sentence(text, self._names).redacted()
        return self._done[text]


class _Sentence:
    """One text, and the known names in it, in any case."""

    def __init__(self, text: str, names: Pseudonyms) -> None:
        self._text = text
        self._names = names
        folded = text.casefold()
        self._known = {
            name.casefold(): pseudonym for name, pseudonym in names.known.items() if name.casefold() in folded
        }

    def redacted(self) -> str:
        known = sorted(self._known, key=len, reverse=True)
        odd = [name for name in known if _NOT_IN_A_PATH.search(name)]
        pattern = "|".join(
            (
                f"(?P<odd> {_alternatives(odd)} )",
                _PLACES,
                f"(?P<known> {_alternatives(known)} ) (?P<tail> {_TAIL} )",
                _WORDS,
            )
        )
        return re.sub(pattern, self._replacement, self._text, flags=re.VERBOSE | re.IGNORECASE)

    def _replacement(self, token: re.Match[str]) -> str:
        text, names = token[0], self._names
        if token["known"] is not None:
            return self._known_name(token["known"], token["tail"])
        match token.lastgroup:
            case "odd":
                return self._known.get(text.casefold()) or names.of("word", text)
            case "address":
                address = text.rstrip(".:")
                return names.address(address) + text[len(address) :]
            case "path" | "quoted":
                return names.path(text)
            case "nodes":
                return names.of("hosts", text) if set(text) & set("[,") else names.host(text)
            case "hosts":
                return names.of("hosts", text)
            case "ip":
                return names.host(text)
            case "ip6" if _is_address(text):
                return names.host(text)
            case "user":
                return names.named("user", text)
            case "time":
                return text
            case "ip6":
                return text if _TIME_OF_DAY.fullmatch(text) else names.of("word", text)
        return self._other_word(text)

    def _known_name(self, name: str, tail: str) -> str:
        pseudonym = self._known.get(name.casefold()) or self._names.of("word", name)
        if not tail:
            return pseudonym
        if tail.startswith(".") and self._names.is_host(pseudonym):
            return self._names.host(name + tail)
        return f"{pseudonym}{tail[0]}{self._names.of('word', tail[1:])}"

    def _other_word(self, text: str) -> str:
        if _NUMBER.fullmatch(text) or _NUMBERED.fullmatch(text):
            return text
        parts = [part for part in _BETWEEN.split(text) if part]
        within = (word for part in parts for word in (part.casefold(), *([] if is_reason(part) else humps(part))))
        has_form_of_a_name = "@" in text or _DOMAIN.fullmatch(text) or _NUMBERED_HOST.fullmatch(text)
        is_name = has_form_of_a_name or any(word in self._known for word in within)
        if not is_name and all(part.isdecimal() or is_public(part) for part in parts):
            return text
        return self._names.of("word", text)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _alternatives(names: list[str]) -> str:
    """Return a pattern that matches these names as whole words; one that never matches if there are none."""
    words = [("(?<![^\\W_])" if name[0].isalnum() else "") + re.escape(name) + "(?![^\\W_])" for name in names]
    return " | ".join(words) or "(?!)"


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
    "Failure.kind",
)
_ON_WORKERS = ("WorkerEvent", "RunningTask", "Failure", "Attempt")
_WITH_TASK_NAME = (
    *("TaskName.name", "Computation.task_names", "RunningTask.task_name", "Failure.task_name"),
    *("UnrunnableTask.task_name", "TaskActivity.task_name", "Thread.task_name"),
    *("Worker.longest_task_name", "Finding.task_names", "LeftOut.task_name"),
)
_WITH_KEY = ("Thread.task_key", "RunningTask.key", "Failure.key", "UnrunnableTask.key")


class Redactor:
    """Redacts snapshots, and remembers each replacement.

    Parameters
    ----------
    user, host
        The user and host that run dasktop, if known: texts may mention them before any snapshot does.
    """

    def __init__(self, user: str | None = None, host: str | None = None) -> None:
        self._names = Pseudonyms()
        self._text = TextRedactor(self._names)
        self._is_learning = False
        self._fields_of: dict[bool, dict[type[Record], tuple[tuple[str, str, Rule], ...]]] = {False: {}, True: {}}
        if user:
            self._names.named("user", user)
        if host:
            self._names.host(host)

    def learn(self, snapshot: Snapshot) -> None:
        """Collect the names in a snapshot, to replace them in texts from now on."""
        self._is_learning = True
        self._record(snapshot)
        self._is_learning = False

    def redacted(self, snapshot: Snapshot) -> Snapshot:
        """Return the redacted snapshot."""
        self.learn(snapshot)
        return self._record(snapshot)

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        names = self._names
        host, address, worker, job_id = map(_remembering, (names.host, names.address, names.worker, names.job_id))

        def named(kind: str) -> Rule:
            return _remembering(lambda text: names.named(kind, text))

        of_workers = {"worker": worker, "address": address, "job_id": job_id}
        return {
            **dict.fromkeys(_KEPT, _kept),
            **{f"{record}.{field}": rule for record in _ON_WORKERS for field, rule in of_workers.items()},
            **dict.fromkeys(_WITH_TASK_NAME, names.task_name),
            **dict.fromkeys(_WITH_KEY, names.task_key),
            "Cluster.scheduler_address": address,
            "Owner.name": worker,
            "Owner.host": host,
            "Owner.job_ids": worker,
            "Owner.job_ids values": job_id,
            "Cluster.scheduler_id": names.scheduler_id,
            "Job.job_id": job_id,
            "Job.array_job_id": job_id,
            "Job.het_job_id": job_id,
            "Finding.job_id": job_id,
            "Finding.job_ids": job_id,
            "Worker.name": worker,
            "Worker.address": address,
            "Worker.host": host,
            "Worker.inherited_job_id": job_id,
            "Worker.file_system": lambda text: text if text in _FILE_SYSTEMS else names.of("word", text),
            "Task.node": host,
            "Failure.node": host,
            "Attempt.node": host,
            "WorkerEvent.node": host,
            "Thread.name": names.thread,
            "Job.name": _remembering(names.job),
            "Job.user": named("user"),
            "Fate.cancelled_by": named("user"),
            "Job.account": named("account"),
            "Job.partition": named("partition"),
            "Job.qos": named("qos"),
            "Job.nodes": host,
            "Job.required_nodes": host,
            "Job.excluded_nodes": host,
            "Job.planned_nodes": host,
            "Job.reservation": named("reservation"),
            "Job.required_features": named("feature"),
            "Finding.worker": worker,
            "Finding.workers": worker,
            "Job.state": self._term,
            "Job.reason": self._term,
            "Fate.state": self._term,
            "Worker.status": self._term,
            "Cluster.task_counts": self._term,
            "TaskName.states": self._term,
            "Computation.states": self._term,
            "Computation.id": names.computation_id,
            "Computation.code": names.source_line,
            "Failure.traceback": self._traceback_line,
            "TaskActivity.activity": lambda text: text if text in _ACTIVITIES else names.of("word", text),
            "UnrunnableTask.resources": named("resource"),
            "UnrunnableTask.workers": worker,
            "UnrunnableTask.hosts": host,
        }

    def _term(self, text: str) -> str:
        """Redact a state or a reason; SLURM's and dask's own terms are kept, even if they are also a name."""
        if text in _TERMS:
            return text
        first, blank, rest = text.partition(" ")
        words = _FLAG_SEPARATOR.split(first)  # RUNNING+SIGNALING
        if not any(map(is_term, words)):
            return self._free(text)
        shown = "".join(
            word if is_term(word) or _FLAG_SEPARATOR.fullmatch(word) else self._free(word) for word in words
        )
        return f"{shown}{blank}{self._free(rest)}"

    def _traceback_line(self, line: str) -> str:
        """Redact a line of a traceback; source lines, which are indented below the names of their files, as a whole."""
        return self._names.source_line(line) if _SOURCE_LINE.match(line) else self._free(line)

    def _free(self, text: str) -> str:
        return text if self._is_learning else self._text.redacted(text)

    def _record(self, record: R) -> R:
        new = {}
        for name, place, rule in self._fields(type(record)):
            value = getattr(record, name)
            if not value:
                continue
            changed = rule(value) if type(value) is str else self._value(value, place)
            if changed is not value:
                new[name] = changed
        return replace(record, **new) if new and not self._is_learning else record

    def _fields(self, kind: type[Record]) -> tuple[tuple[str, str, Rule], ...]:
        """Return the fields to look at, each with its place and the rule for a text there."""
        found = self._fields_of[self._is_learning].get(kind)
        if found is None:
            skipped = (_kept, self._free, self._term) if self._is_learning else (_kept,)  # these add no name
            fields = ((field, self._rules.get(field.place, self._free)) for field in _fields_with_text(kind))
            found = self._fields_of[self._is_learning][kind] = tuple(
                (field.name, field.place, rule) for field, rule in fields if field.has_records or rule not in skipped
            )
        return found

    def _value(self, value: Any, place: str) -> Any:
        if isinstance(value, str):
            return self._rules.get(place, self._free)(value)
        if isinstance(value, Record):
            return self._record(value)
        if isinstance(value, tuple):
            return tuple(self._value(item, place) for item in value)
        if isinstance(value, dict):
            return {self._value(key, place): self._value(item, f"{place} values") for key, item in value.items()}
        return value


def _kept(text: str) -> str:
    return text


def _remembering(rule: Rule) -> Rule:
    """Return a rule that is applied once to each text: each snapshot has the same names, several times."""
    done: dict[str, str] = {}

    def remembered(text: str) -> str:
        found = done.get(text)
        if found is None:
            found = done[text] = rule(text)
        return found

    return remembered


class _Field(NamedTuple):
    """A field that may hold text at any depth."""

    name: str
    place: str
    """``Job.name``."""
    has_records: bool
    """Whether it holds records, whose own fields have rules."""


@cache
def _fields_with_text(kind: type[Record]) -> tuple[_Field, ...]:
    return tuple(
        _Field(name, f"{kind.__name__}.{name}", _may_be_record(held))
        for name, held in get_type_hints(kind).items()
        if _may_be_text(held)
    )


def _may_be_record(held: Any) -> bool:
    return (isinstance(held, type) and issubclass(held, Record)) or any(map(_may_be_record, get_args(held)))


def _may_be_text(held: Any) -> bool:
    if get_origin(held) is Literal or held is str or held is Any:
        return True
    if isinstance(held, type) and issubclass(held, Record):
        return bool(_fields_with_text(held))
    return any(map(_may_be_text, get_args(held)))
