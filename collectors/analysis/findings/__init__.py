"""Snapshot → findings: what is wrong or wasteful, one sentence each, with what to do about it.

Pure: no I/O, no clock. One small function a rule, and all rules in `RULES`; none knows of another.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import TypeVar

from msgspec.structs import replace

from dasktop.collectors.analysis.findings.allocation import idle_allocation, walltime_ending
from dasktop.collectors.analysis.findings.cluster import adaptive_thrashing, source_stale, version_mismatch
from dasktop.collectors.analysis.findings.ended import job_failed, job_requeued, lost_job
from dasktop.collectors.analysis.findings.history import History, Key
from dasktop.collectors.analysis.findings.missing_workers import job_missing_workers, job_without_workers
from dasktop.collectors.analysis.findings.pending import (
    job_can_never_start,
    job_held,
    job_pending_long,
    jobs_not_submitted,
)
from dasktop.collectors.analysis.findings.resources import (
    memory_near_limit,
    memory_overcommitted,
    threads_oversubscribed,
    threads_undersubscribed,
)
from dasktop.collectors.analysis.findings.rule import DASK, QUEUE, PendingFinding, Rule, RuleContext
from dasktop.collectors.analysis.findings.workers import (
    worker_outside_slurm,
    worker_paused,
    worker_restarting,
    worker_silent,
)
from dasktop.collectors.model.snapshot import SEVERITIES, Finding, Snapshot
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds

Value = TypeVar("Value")

__all__ = ["RULES", "History", "PendingFinding", "Rule", "RuleContext", "Thresholds", "find"]

RULES: tuple[Rule, ...] = (
    Rule("jobs-not-submitted", jobs_not_submitted, (DASK,)),
    Rule("lost-job", lost_job),
    Rule("job-failed", job_failed, (QUEUE,)),
    Rule("job-requeued", job_requeued, (QUEUE,)),
    Rule("job-can-never-start", job_can_never_start, (QUEUE,)),
    Rule("source-stale", source_stale, ()),
    Rule("walltime-ending", walltime_ending),
    Rule("job-without-workers", job_without_workers),
    Rule("job-missing-workers", job_missing_workers),
    Rule("worker-silent", worker_silent, (DASK,)),
    Rule("worker-paused", worker_paused, (DASK,)),
    Rule("worker-restarting", worker_restarting, (DASK,)),
    Rule("memory-near-limit", memory_near_limit),
    Rule("memory-overcommitted", memory_overcommitted),
    Rule("threads-oversubscribed", threads_oversubscribed),
    Rule("job-held", job_held, (QUEUE,)),
    Rule("adaptive-thrashing", adaptive_thrashing),
    Rule("version-mismatch", version_mismatch, (DASK,)),
    Rule("idle-allocation", idle_allocation),
    Rule("threads-undersubscribed", threads_undersubscribed),
    Rule("job-pending-long", job_pending_long, (QUEUE,)),
    Rule("worker-outside-slurm", worker_outside_slurm),
)
"""The more pressing ones first: findings of the same severity come in this order."""


def find(
    snapshot: Snapshot,
    thresholds: Thresholds = DEFAULTS,
    history: History | None = None,
    zone: tzinfo | None = UTC,
) -> tuple[tuple[Finding, ...], History]:
    """Return what all rules find, and what there is to remember for the next snapshot.

    Parameters
    ----------
    snapshot
        What its `findings` are is of no account.
    thresholds
        From when on something is worth telling.
    history
        What the last call returned; ``None``: this is the first snapshot. Then only that is told whose beginning the
        snapshot itself tells.
    zone
        For times of day in sentences; ``None``: this process's own, in which clocks may change between two moments.

    Returns
    -------
    The findings, the worst first, else in the order of the rules; and the history.
    """
    history = (history or History()).after(snapshot)
    scene = RuleContext(snapshot, history, thresholds, zone)
    began: dict[Key, datetime] = {}
    told: dict[Key, Finding] = {}
    for rule in RULES:
        if all(_answers(scene, name) for name in rule.needs):
            for suspicion in rule.suspect(scene):
                key = (rule.code, suspicion.job_id, suspicion.worker or suspicion.about)
                began[key] = _began(suspicion, history.began.get(key), scene.now)
                if (scene.now - began[key]).total_seconds() >= suspicion.after_seconds:
                    told[key] = _finding(rule.code, suspicion, began[key])
        elif all(_answers(scene, name) or _only_stumbles(scene, name) for name in rule.needs):
            began |= _of(rule.code, history.began)
            told |= _of(rule.code, history.told)
    # Sorting is stable: the rules' order stays within a severity.
    findings = sorted(told.values(), key=lambda finding: SEVERITIES.index(finding.severity), reverse=True)
    return tuple(findings), replace(history, began=began, told=told)


def _began(suspicion: PendingFinding, before: datetime | None, now: datetime) -> datetime:
    """Return since when something is so; what SLURM's clock puts into the future, since it was seen first."""
    if suspicion.began is not None and suspicion.began <= now:
        return suspicion.began
    return before or now


def _finding(code: str, suspicion: PendingFinding, since: datetime) -> Finding:
    return Finding(
        code=code,
        severity=suspicion.severity,
        job_id=suspicion.job_id,
        worker=suspicion.worker,
        job_ids=suspicion.job_ids or _alone(suspicion.job_id),
        workers=suspicion.workers or _alone(suspicion.worker),
        message=suspicion.message,
        advice=suspicion.advice,
        since=since,
    )


def _alone(one: str | None) -> tuple[str, ...]:
    return () if one is None else (one,)


def _answers(scene: RuleContext, name: str) -> bool:
    return any(source.name == name and source.state == "ok" for source in scene.snapshot.sources)


def _only_stumbles(scene: RuleContext, name: str) -> bool:
    """Whether a source that was good fails only since a moment ago: then what was told of it stands for a while."""
    since = scene.history.in_trouble_since.get(name)
    return since is not None and (scene.now - since).total_seconds() < scene.thresholds.source_stale_seconds


def _of(code: str, kept: Mapping[Key, Value]) -> dict[Key, Value]:
    return {key: value for key, value in kept.items() if key[0] == code}
