"""Findings that the user has dismissed, until they change. Pure; kept for this run only, and never saved.

A finding changes if it becomes more severe; if it is about other jobs, workers or task names, or its message begins
with a larger number, by half as many or more; and, if it reports a reason, when that has other words. Durations,
shares, sizes and times of day do not matter: they tick.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from dasktop.collectors.model.jobs import job_ids_of, worker_names_of
from dasktop.collectors.model.snapshot import SEVERITIES, Finding

_MORE = 0.5
"""How many more, as a share of those at the time it was dismissed, are a change: of 1, one more; of 10, five."""
_FORGOTTEN_AFTER = timedelta(minutes=5)
"""One that has been gone for longer is new when it comes back; a poll or two without it is not an end."""
_REASONS = frozenset(
    {
        "job-can-never-start",
        "job-failed",
        "job-held",
        "job-pending-long",
        "jobs-not-submitted",
        "source-stale",
        "tasks-failed",
        "tasks-unrunnable",
        "version-mismatch",
        "worker-died",
    }
)
"""Codes whose messages contain a reason: with other words, it is another problem."""
_COUNT = re.compile(r"(?:all )?(\d[\d,]*) (?=[a-z])")
"""The number that a message begins with."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_TICKING = """
about again all and are assigned blocked current data days from has have hours its job jobs kind last min more one
showing starts task tasks the their them was were within work worker workers
"""
_NOT_A_REASON = frozenset(_TICKING.split())
"""Words that come and go with numbers, places and times."""


class _Gist(NamedTuple):
    """What of a finding matters."""

    code: str
    severity: int
    members: tuple[frozenset[str], ...]
    """The task names, workers and jobs that it is about."""
    number: int
    """How many it is about, as its message says; 0 if that says no number."""
    words: frozenset[str]
    """The words of a reason, without numbers."""


class _Record(NamedTuple):
    """A finding as it was dismissed."""

    gist: _Gist
    seen_at: datetime
    """When a snapshot last had it."""


class Dismissed:
    """Which findings are dismissed."""

    def __init__(self) -> None:
        self._records: list[_Record] = []

    def dismiss(self, finding: Finding, now: datetime) -> None:
        """Dismiss a finding, in its present form and all milder ones."""
        gist = _gist(finding)
        kept = [record for record in self._records if not _covers(gist, record.gist)]
        self._records = [*kept, _Record(gist, now)]

    def forget(self) -> None:
        """Dismiss none any more."""
        self._records = []

    def remaining(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Return the findings that are not dismissed."""
        if not self._records:
            return tuple(findings)
        return tuple(finding for finding in findings if not self._is_dismissed(_gist(finding)))

    def follow(self, findings: Iterable[Finding], now: datetime) -> None:
        """Take the findings of a snapshot: forget those dismissed that have been gone for some minutes."""
        if not self._records:
            return
        gists = [_gist(finding) for finding in findings]
        records = []
        for record in self._records:
            if any(_covers(record.gist, gist) for gist in gists):
                records.append(record._replace(seen_at=now))
            elif abs(now - record.seen_at) <= _FORGOTTEN_AFTER:  # in a replay, time may go back
                records.append(record)
        self._records = records

    def _is_dismissed(self, gist: _Gist) -> bool:
        return any(_covers(record.gist, gist) for record in self._records)


def _gist(finding: Finding) -> _Gist:
    names = (finding.task_names, worker_names_of(finding), job_ids_of(finding))
    count = _COUNT.match(finding.message)
    return _Gist(
        finding.code,
        SEVERITIES.index(finding.severity),
        tuple(map(frozenset, names)),
        int(count[1].replace(",", "")) if count else 0,
        _words(finding.message, names) if finding.code in _REASONS else frozenset(),
    )


def _words(message: str, names: Iterable[Iterable[str]]) -> frozenset[str]:
    """Return the words of a message but for names, in the singular."""
    for name in sorted((name for some in names for name in some), key=len, reverse=True):
        message = message.replace(name, " ")
    return frozenset(word.rstrip("s") for word in _WORD.findall(message) if word.lower() not in _NOT_A_REASON)


def _covers(dismissed: _Gist, now: _Gist) -> bool:
    """Return whether a finding is no worse than the dismissed one."""
    return (
        now.code == dismissed.code
        and now.severity <= dismissed.severity
        and not any(map(_has_grown, dismissed.members, now.members))
        and not _is_more(now.number - dismissed.number, dismissed.number)
        and now.words <= dismissed.words
    )


def _has_grown(before: frozenset[str], now: frozenset[str]) -> bool:
    return _is_more(len(now - before), len(before))


def _is_more(new: int, before: int) -> bool:
    return new > 0 and new >= _MORE * before


def dismissed_words(number: int, key: str) -> str:
    """Return ``2 dismissed until they change: U shows them again``; empty if there are none.

    ``key`` is the key that shows them, as displayed.
    """
    if not number:
        return ""
    it, them = ("it changes", "it") if number == 1 else ("they change", "them")
    return f"{number:,} dismissed until {it}: {key} shows {them} again"
