"""Snapshot → findings: what is wrong or wasteful, one sentence each, with what to do about it.

Pure: no I/O, no clock. One small function a rule, and all rules in `RULES`; none knows of another.
"""

from collections.abc import Callable, Iterator

from dasktop.collectors.jobs import lost_jobs
from dasktop.collectors.model import Finding, Severity, Snapshot

Rule = Callable[[Snapshot], Iterator[Finding]]

_WORST_FIRST: tuple[Severity, ...] = ("error", "warning", "info")


def find(snapshot: Snapshot) -> tuple[Finding, ...]:
    """Return what all rules find, the worst first, else in the order of the rules."""
    findings = (finding for rule in RULES for finding in rule(snapshot))
    return tuple(sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.severity)))


def lost_job(snapshot: Snapshot) -> Iterator[Finding]:
    """Find jobs that the owner still counts and SLURM has ended.

    With several processes a job, the owner never notices, and stock ``scale`` brings no other
    (https://github.com/dask/distributed/issues/9102). What a scheduler that doesn't answer counts by now isn't known.
    """
    if any(source.name == "dask" and source.state != "ok" for source in snapshot.sources):
        return
    for name, job in lost_jobs(snapshot):
        how = job.fate.explanation if job.fate is not None else f"ended as {job.state}"
        yield Finding(
            code="lost-job",
            severity="error",
            job_id=job.job_id,
            worker=None,
            message=f"job {job.job_id} is lost ({how}), and its owner still counts it as {name}: "
            "L replaces it; dasktop scale --replace-lost",
            since=job.fate.ended_at if job.fate is not None else None,
        )


RULES: tuple[Rule, ...] = (lost_job,)
