"""The list of findings: one row each, the worst first, then the errors of sources that no finding contains. Pure.

The screen and ``dasktop snapshot --text`` show the same rows.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from dasktop.collectors.model.jobs import job_ids_of, squeue_id, worker_names_of
from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.collectors.text.format import counted, listed
from dasktop.collectors.text.patterns import compiled
from dasktop.tui.draw.prose import Entry, Fact, Section, Words
from dasktop.tui.view.finding_actions import FindingAction
from dasktop.tui.view.findings import finding_entries, words
from dasktop.tui.view.keys import NO_KEYMAP, Keymap, first_key
from dasktop.tui.view.rows import AnyRow
from dasktop.tui.view.summary import problem_words

MOST_NAMES = 50
"""The maximum number of jobs or workers that the details of a finding list."""
_OF_ENDED_WORKERS = frozenset({"worker-died", "worker-killed-for-memory"})


class FindingRow(AnyRow, frozen=True, kw_only=True):
    """A finding."""

    finding: Finding
    all_about: tuple["About", ...] = ()
    """The task names, workers and jobs that it is about, the most specific kind first."""

    @property
    def about(self) -> "About":
        """What it is about in the first place."""
        return self.all_about[0] if self.all_about else About()

    @property
    def message(self) -> str:
        """What it says."""
        return self.finding.message


class SourceErrorRow(AnyRow, frozen=True, kw_only=True):
    """The error of a source that no finding contains."""

    error: str

    @property
    def message(self) -> str:
        """What it says."""
        return self.error


FindingsRow = FindingRow | SourceErrorRow


class About(NamedTuple):
    """What a finding is about: of its task names, workers and jobs, the most specific."""

    noun: str = ""
    """``task name``, ``worker`` or ``job``; empty: about the cluster."""
    names: tuple[str, ...] = ()
    """Empty if it is about the cluster. Job ids are written as ``squeue`` writes them."""

    @property
    def text(self) -> str:
        """``job 4711``, ``3 workers``; empty: about the cluster."""
        if not self.names:
            return ""
        return f"{self.noun} {self.names[0]}" if len(self.names) == 1 else counted(len(self.names), self.noun)

    def listed(self, most: int = 3) -> str:
        """Return ``job 4711``, ``jobs 4709, 4710, 4711 and 2 more``; empty: about the cluster."""
        if not self.names:
            return ""
        return f"{self.noun}{'' if len(self.names) == 1 else 's'} {listed(self.names, most)}"


def all_about(finding: Finding, job_names: Mapping[str, str]) -> Iterator[About]:
    """Yield all that a finding is about, the most specific first; nothing if it is about the cluster.

    One about a job may also name the workers and tasks in it.

    Parameters
    ----------
    job_names
        Job ids as in ``squeue``, by id; see `names_of_jobs`.
    """
    tasks, workers, jobs = (
        [About(noun, names)] if names else []
        for noun, names in (
            ("task name", finding.task_names),
            ("worker", worker_names_of(finding)),
            ("job", tuple(job_names.get(job_id, job_id) for job_id in job_ids_of(finding))),
        )
    )
    if _is_about_a_job(finding):
        yield from (*jobs, *workers, *tasks)
    else:
        yield from (*tasks, *workers, *jobs)


def _is_about_a_job(finding: Finding) -> bool:
    return finding.job_id is not None and finding.worker is None


def names_of_jobs(snapshot: Snapshot) -> dict[str, str]:
    """Return the ids of jobs as ``squeue`` spells them, by id."""
    return {job.job_id: squeue_id(job) for job in snapshot.jobs}


def finding_rows(snapshot: Snapshot, findings: Sequence[Finding] | None = None, pattern: str = "") -> list[FindingsRow]:
    """Return the rows in the order in which they are shown.

    Parameters
    ----------
    findings
        Those of the snapshot to show; ``None``: all.
    pattern
        Text or a regular expression that a row contains; ``!`` excludes matches.
    """
    names = names_of_jobs(snapshot)
    shown = snapshot.findings if findings is None else findings
    rows: list[FindingsRow] = [
        FindingRow(key=key, finding=finding, all_about=tuple(all_about(finding, names)))
        for key, finding in _keyed(shown)
    ]
    rows += [SourceErrorRow(key=("source", error), error=error) for error in dict.fromkeys(problem_words(snapshot))]
    if not pattern:
        return rows
    sought = compiled(pattern.removeprefix("!"))
    return [row for row in rows if any(map(sought.search, _texts(row))) != pattern.startswith("!")]


def _keyed(findings: Iterable[Finding]) -> Iterator[tuple[tuple[str | int, ...], Finding]]:
    """Yield the findings with keys by which the next snapshot has them, too."""
    times: Counter[Identity] = Counter()
    for finding in findings:
        identity = identity_of(finding)
        yield ("finding", *identity, times[identity]), finding
        times[identity] += 1


Identity = tuple[str, str, str, str]


def identity_of(finding: Finding) -> Identity:
    """Return what a finding has in common with itself in later snapshots, whatever its words are then."""
    # The names of failed tasks grow with each failure.
    names = () if finding.code == "tasks-failed" else finding.task_names
    return finding.code, finding.job_id or "", finding.worker or "", " ".join(names)


def _texts(row: FindingsRow) -> Iterator[str]:
    yield row.message
    if isinstance(row, FindingRow):
        yield from (row.finding.advice or "", row.finding.code, row.finding.severity)
        yield from (name for one in row.all_about for name in one.names)


def plain_words(row: FindingsRow) -> str:
    """Return a row on one line, with what it is about where its message does not say so."""
    if isinstance(row, SourceErrorRow):
        return f"! {row.error}"
    unsaid = any(not _says(row.message, name) for name in row.about.names[:1])
    return words(row.finding) + (f" ({row.about.listed()})" if unsaid else "")


def _says(message: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", message) is not None


def summary(rows: Iterable[FindingsRow]) -> str:
    """Return ``1 error · 3 warnings · 2 infos``, and how many sources have errors; empty without rows."""
    kinds = Counter(row.finding.severity if isinstance(row, FindingRow) else "source error" for row in rows)
    order = ("error", "warning", "info", "source error")
    return " · ".join(counted(kinds[kind], kind) for kind in order if kinds[kind])


Place = Literal["failures", "work", "tree"]
"""Where a finding is looked at: on the page of failed tasks, on the page of the work, or in the tree."""


def places_to_look(finding: Finding) -> Iterator[Place]:
    """Yield where to look at what a finding is about, the best place first; nothing if it is about no row."""
    if finding.code == "tasks-failed":
        yield "failures"
    elif not _is_about_a_job(finding) and (finding.task_names or finding.code == "tasks-unrunnable"):
        yield "work"  # older recordings have no task names
    if worker_names_of(finding) or job_ids_of(finding):
        yield "tree"
    if _is_about_a_job(finding) and finding.task_names:
        yield "work"
    if finding.code in _OF_ENDED_WORKERS:
        yield "failures"


def finding_title(row: FindingsRow) -> str:
    """Return the heading of the details; it may contain unprintable characters."""
    if isinstance(row, SourceErrorRow):
        return "source error"
    return f"finding: {row.about.listed() or row.finding.code}"


def finding_sections(
    row: FindingsRow, now: datetime, keymap: Keymap = NO_KEYMAP, action: FindingAction | None = None
) -> list[Section]:
    """Return the details of a row: the whole message, the advice, code, since when, and all that it is about.

    ``action`` is what a key can do about it now.
    """
    if isinstance(row, SourceErrorRow):
        return [Section("", [Words(row.error, "waiting")])]
    entries: list[Entry] = list(finding_entries(row.finding, now, keymap))
    if action is not None and action.key_id != "failures":  # the key of that replaces the advice
        entries.insert(-1, Words(f"{first_key('act', keymap)} {action.does}{action.asks}", indent=2))
    if len(row.all_about) > 1 or len(row.about.names) > 1:
        entries += [
            Fact(one.noun if len(one.names) == 1 else f"{one.noun}s", listed(one.names, MOST_NAMES))
            for one in row.all_about
        ]
    return [Section("", entries)]
