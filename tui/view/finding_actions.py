"""The action of the screen for the advice of a finding: a plan to confirm, or a page to open. Pure."""

import re
from collections.abc import Callable
from typing import NamedTuple

from dasktop.collectors.model.jobs import job_ids_of
from dasktop.collectors.model.plan import Adapt, Change, Jobs, Release, ReplaceLost, Target
from dasktop.collectors.model.snapshot import Finding
from dasktop.collectors.text.format import counted
from dasktop.tui.view.keys import LIVE_ONLY
from dasktop.tui.view.why_not import NOT_RECORDED, READ_ONLY, REPLAY_CHANGES_NOTHING


class FindingAction(NamedTuple):
    """What can be done about a finding."""

    key_id: str
    """The key of the tree that does the same for the selected row."""
    short: str
    """Its name on the line of keys, one or two words."""
    does: str
    """What the key does: ``releases job 4711``."""
    target: Target | None = None
    """The target to plan for, if the action changes the cluster."""

    @property
    def asks(self) -> str:
        """``, after asking`` if it changes the cluster."""
        return ", after asking" if self.target is not None else ""


def action_of(finding: Finding) -> FindingAction | None:
    """Return what the screen can do about a finding; ``None``: nothing, or it has no advice.

    The advice names commands and what to look at; of several, the first one in the order of `_ADVICE` counts.
    """
    if (finding.code, finding.severity) == ("source-stale", "error"):
        return FindingAction("switch", "switch…", "searches for other schedulers")
    if finding.code == "tasks-failed":
        return FindingAction("failures", "failures", "shows them")
    for pattern, make in _ADVICE:
        if finding.advice and (match := pattern.search(finding.advice)) and (action := make(finding, match)):
            return action
    return None


def why_not(action: FindingAction, *, read_only: bool, is_replay: bool) -> str:
    """Return why an action is not possible; empty: it is."""
    if is_replay and (action.target is not None or action.key_id in LIVE_ONLY):
        return REPLAY_CHANGES_NOTHING if action.target is not None else NOT_RECORDED
    return READ_ONLY if read_only and action.target is not None else ""


def _release(finding: Finding, match: re.Match[str]) -> FindingAction | None:
    ids = job_ids_of(finding)
    if not ids:
        return None
    name = f"job {match[1]}" if len(ids) == 1 else counted(len(ids), "job")
    return FindingAction("release", "release", f"releases {name}", Release(job_ids=ids))


def _keep_jobs(finding: Finding, match: re.Match[str]) -> FindingAction:
    del finding
    left = int(match[1])
    does = f"releases all jobs but {left}" if left else "releases all jobs"
    return FindingAction("scale", "release", does, Jobs(count=left))


def log_of(finding: Finding) -> FindingAction | None:
    """Return the action that shows the log of the one job that a finding is about; ``None`` if it is not about one."""
    ids = job_ids_of(finding)
    return FindingAction("log", "log", f"shows the log of job {ids[0]}") if len(ids) == 1 else None


_Make = Callable[[Finding, re.Match[str]], FindingAction | None]
_ADVICE: tuple[tuple[re.Pattern[str], _Make], ...] = (
    (
        re.compile("dasktop scale --replace-lost"),
        lambda _finding, _match: FindingAction("replace_lost", "replace", "replaces it", ReplaceLost()),
    ),
    (
        re.compile("add a job, then"),
        lambda _finding, _match: FindingAction("add_job", "add a job", "adds a job", Change(by=1)),
    ),
    (re.compile(r"dasktop scale --release (\S+)"), _release),
    (re.compile(r"dasktop scale --jobs (\d+) releases"), _keep_jobs),
    (
        re.compile("dasktop scale --no-adapt"),
        lambda _finding, _match: FindingAction("adapt", "adapt off", "turns adaptive scaling off", Adapt(bounds=None)),
    ),
    (
        re.compile("the call stack of its thread"),
        lambda _finding, _match: FindingAction("call_stack", "call stack", "shows the call stack"),
    ),
    (re.compile("see (its log|the log of its job)"), lambda finding, _match: log_of(finding)),
)
