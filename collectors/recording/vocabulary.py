"""The words that may stay in a redacted text: those of dasktop's own source, which are public. Reads that source."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from dasktop.collectors.sources.slurm.reasons import reason_of

_WORD = re.compile("[A-Za-z]+")
_HUMP = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# Parts of SLURM's reason codes that dasktop has no other use for.
_OF_REASONS = """
account admin allowed array assoc association avail bad begin billing buffer burst cleaning constraints cpu cpus
deadline defer depend dependency docker down energy failed failure features fed front gres grp held image inactive
invalid job jobs launch license licenses limit maint max maximum mem memory min minutes mode node nodes none not
number operation oversubscribe partition per permitted priority prolog qos raw req requeue requeued required
reservation reset resource resources run satisfied sched script signal stage start submit system task threads
threshold time timeout tres unavailable unk unknown usage user wait wall wckey
"""
_REASON_WORDS = frozenset(_OF_REASONS.split())

# What SLURM calls a job's states, and dask those of workers and of tasks.
_STATES = """
BOOT_FAIL CANCELLED COMPLETED COMPLETING CONFIGURING DEADLINE EXPEDITING FAILED LAUNCH_FAILED NODE_FAIL OUT_OF_MEMORY
PENDING POWER_UP_NODE PREEMPTED RECONFIG_FAIL REQUEUED REQUEUE_FED REQUEUE_HOLD RESIZING RESV_DEL_HOLD REVOKED RUNNING
SIGNALING SPECIAL_EXIT STAGE_OUT STOPPED SUSPENDED TIMEOUT UNKNOWN UPDATE_DB
closed closing closing_gracefully failed init paused running starting stopped stopping undefined
erred forgotten memory no-worker processing queued released waiting
"""
_TERMS = frozenset(_STATES.split())


@cache
def vocabulary() -> frozenset[str]:
    """Return the words, in lower case."""
    words = set(_REASON_WORDS)
    for package in ("dasktop.collectors", "dasktop.tui"):
        for source in _sources(files(package)):
            words |= {word.lower() for text in _WORD.findall(source) for word in (text, *_HUMP.findall(text))}
    return frozenset(words)


def is_public(word: str) -> bool:
    """Tell whether a word, or each part of one in camel case, is in the vocabulary."""
    known = vocabulary()
    if not (word.isascii() and word.isalpha()):
        return False
    return word.lower() in known or known.issuperset(humps(word))


def is_reason(word: str) -> bool:
    """Tell whether a word is put together as SLURM does it for its reasons: ``AssocGrpCPUMinutesLimit``."""
    return set(humps(word)) <= _REASON_WORDS


def is_term(word: str) -> bool:
    """Tell whether a word is a state of a job, of a worker or of dask tasks, or a reason for which a job waits."""
    return word in _TERMS or (word.isalpha() and reason_of(word) is not None)


def humps(word: str) -> list[str]:
    """Return the parts of a word in camel case, in lower case."""
    return [hump.lower() for hump in _HUMP.findall(word)]


def _sources(folder: Traversable) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry)
        elif entry.name.endswith(".py"):
            yield entry.read_text(encoding="utf-8")
