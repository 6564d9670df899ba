"""The advice of a finding, as an action of the screen."""

from pathlib import Path

import pytest

from dasktop.collectors.analysis import findings
from dasktop.collectors.model.plan import Adapt, Change, Jobs, Release, ReplaceLost, Target
from dasktop.collectors.model.snapshot import Finding
from dasktop.tui.view.finding_actions import _ADVICE, action_of, why_not
from dasktop.tui.view.keys import KEYS


def found(advice: str | None, code: str = "x", **values: object) -> Finding:
    given: dict[str, object] = {"severity": "warning", "job_id": "4711", "worker": None, "since": None, "message": "m"}
    return Finding(code=code, advice=advice, **given | values)


@pytest.mark.parametrize(
    ("advice", "key_id", "target", "does"),
    [
        (
            "see its log; dasktop scale --replace-lost resubmits it",
            "replace_lost",
            ReplaceLost(),
            "replaces it",
        ),
        (
            "dasktop scale --release 54_1 moves its results to other workers before the job is released",
            "release",
            Release(job_ids=("4711",)),
            "releases job 54_1",
        ),
        (
            "no other worker can take its 3 results: add a job, then dasktop scale --release 4711 moves them there",
            "add_job",
            Change(by=1),
            "adds a job",
        ),
        (
            "see its log; dasktop scale --release 4711 releases it",
            "release",
            Release(job_ids=("4711",)),
            "releases job 4711",
        ),
        (
            "dasktop scale --jobs 0 releases them; --adapt 0:N releases idle jobs automatically",
            "scale",
            Jobs(count=0),
            "releases all jobs",
        ),
        (
            "dasktop scale --jobs 1 releases all but one, which takes the results of the others; --jobs 0 releases all",
            "scale",
            Jobs(count=1),
            "releases all jobs but 1",
        ),
        ("dasktop scale --no-adapt stops it; to fix it, …", "adapt", Adapt(bounds=None), "turns adaptive scaling off"),
        ("the call stack of its thread shows what it does", "call_stack", None, "shows the call stack"),
        ("see its log; often a task needs more memory", "log", None, "shows the log of job 4711"),
        ("see the log of its job; signal 9 often means …", "log", None, "shows the log of job 4711"),
    ],
)
def test_advice_is_an_action(advice: str, key_id: str, target: Target | None, does: str) -> None:
    action = action_of(found(advice))
    assert action is not None
    assert (action.key_id, action.target, action.does) == (key_id, target, does)
    assert action.key_id in KEYS


def test_the_rules_still_say_each_advice() -> None:
    """Else a key would silently do nothing."""
    rules = "\n".join(path.read_text() for path in Path(findings.__file__).parent.glob("*.py"))
    assert [pattern.pattern for pattern, _ in _ADVICE if not pattern.search(rules)] == []


@pytest.mark.parametrize("advice", [None, "request more memory per job, or use fewer processes", "scancel 4711"])
def test_other_advice_is_for_people(advice: str | None) -> None:
    assert action_of(found(advice)) is None


def test_a_log_is_that_of_one_job() -> None:
    several = action_of(found("see the log of its job", job_id=None, job_ids=("1", "2")))
    assert several is None
    assert action_of(found("see its log", job_id=None)) is None
    assert action_of(found("dasktop scale --release 4711 releases it", job_id=None)) is None


def test_pages_and_schedulers_are_actions_too() -> None:
    failed = action_of(found("dasktop failures prints their tracebacks", "tasks-failed"))
    gone = action_of(found("dasktop keeps trying", "source-stale", severity="error"))
    assert [failed and failed.key_id, gone and gone.key_id] == ["failures", "switch"]
    assert action_of(found("dasktop keeps trying", "source-stale")) is None


def test_what_changes_the_cluster_is_refused_with_the_reason() -> None:
    release, log = action_of(found("dasktop scale --release 4711 releases it")), action_of(found("see its log"))
    failed = action_of(found(None, "tasks-failed"))
    assert release is not None
    assert log is not None
    assert failed is not None

    def reasons(**where: bool) -> list[str]:
        return [why_not(action, **where) for action in (release, log, failed)]

    assert reasons(read_only=False, is_replay=False) == ["", "", ""]
    assert reasons(read_only=True, is_replay=False) == ["read-only: dasktop changes nothing", "", ""]
    in_replay = ["a replay cannot change the cluster", "this is a replay: not recorded", ""]
    assert reasons(read_only=True, is_replay=True) == in_replay
