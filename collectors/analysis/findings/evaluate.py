"""Runs the rules on a snapshot and keeps what they need for the next one.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import TypeVar

from msgspec.structs import replace

from dasktop.collectors.analysis.findings.history import FindingHistory, Key, Rank
from dasktop.collectors.analysis.findings.rule import HARMS, PendingFinding, Rule, RuleContext, registered_rules
from dasktop.collectors.model.snapshot import SEVERITIES, Finding, Snapshot
from dasktop.collectors.model.sources import answers
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds

Value = TypeVar("Value")


def find(
    snapshot: Snapshot,
    thresholds: Thresholds = DEFAULTS,
    history: FindingHistory | None = None,
    zone: tzinfo | None = UTC,
) -> tuple[tuple[Finding, ...], FindingHistory]:
    """Return the findings of all rules, and the history to pass in with the next snapshot.

    Parameters
    ----------
    snapshot
        Its own `findings` are ignored.
    thresholds
        Limits and durations from which a condition is a finding.
    history
        What the previous call returned; ``None`` for the first snapshot. Then a condition that has to last is reported
        only if the snapshot itself shows when it began.
    zone
        Time zone for times of day in messages; ``None``: the process's local time zone, daylight saving included.

    Returns
    -------
    The findings, errors and warnings before infos; then by the harm that they do, their severity, and its extent; then
    in the order of the rules. And the history.
    """
    history = (history or FindingHistory()).after(snapshot)
    context = RuleContext(snapshot, history, thresholds, zone)
    first_seen: dict[Key, datetime] = {}
    active: dict[Key, Finding] = {}
    ranks: dict[Key, Rank] = {}
    for rule in registered_rules():
        if all(answers(context.snapshot.sources, source) for source in rule.needs):
            for pending in rule.check(context):
                key = (rule.code, pending.job_id, pending.worker or pending.about)
                first_seen[key] = _since(pending, history.first_seen.get(key), context.now)
                if (context.now - first_seen[key]).total_seconds() >= pending.after_seconds:
                    active[key] = _finding(rule.code, pending, first_seen[key])
                    ranks[key] = _rank(rule, pending)
        elif all(
            answers(context.snapshot.sources, source) or _has_just_failed(context, source) for source in rule.needs
        ):
            first_seen |= _with_code(rule.code, history.first_seen)
            active |= _with_code(rule.code, history.active)
            ranks |= _with_code(rule.code, history.ranks)
    # The sort is stable: of equal ones, the rules' order stays.
    keys = sorted(active, key=ranks.__getitem__, reverse=True)
    findings = tuple(active[key] for key in keys)
    return findings, replace(history, first_seen=first_seen, active=active, ranks=ranks)


def _rank(rule: Rule, pending: PendingFinding) -> Rank:
    """Return how bad a finding is. A task that hangs stops the work, an error may be a job that was lost long ago."""
    severity = SEVERITIES.index(pending.severity)
    return int(pending.severity != "info"), HARMS.index(rule.harm), severity, pending.extent


def _since(pending: PendingFinding, first_seen: datetime | None, now: datetime) -> datetime:
    """Return when a condition began; a time in the future (SLURM's clock is ahead) is ignored."""
    if pending.since is not None and pending.since <= now:
        return pending.since
    return first_seen or now


def _finding(code: str, pending: PendingFinding, since: datetime) -> Finding:
    return Finding(
        code=code,
        severity=pending.severity,
        job_id=pending.job_id,
        worker=pending.worker,
        job_ids=pending.job_ids or _only(pending.job_id),
        workers=pending.workers or _only(pending.worker),
        task_names=pending.task_names,
        message=pending.message,
        advice=pending.advice,
        since=since,
    )


def _only(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _has_just_failed(context: RuleContext, name: str) -> bool:
    """Whether a source has failed for less than the threshold of ``source-stale``: earlier findings are kept then."""
    since = context.history.failing_since.get(name)
    return since is not None and (context.now - since).total_seconds() < context.thresholds.source_stale_seconds


def _with_code(code: str, kept: Mapping[Key, Value]) -> dict[Key, Value]:
    return {key: value for key, value in kept.items() if key[0] == code}
