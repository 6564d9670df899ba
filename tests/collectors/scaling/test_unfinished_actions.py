"""Earlier actions in the log, and reports of actions that dasktop did not finish."""

import json
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from dasktop.collectors.model.plan import Jobs, Outcome
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.scaling.action_log import (
    ActionLog,
    check_released,
    conclude_unfinished,
    parse,
    path,
    read,
    releases,
    unfinished,
    unfinished_words,
)
from dasktop.collectors.scaling.plan import plan
from tests.support.snapshots import busy_job, cluster, ended, snapshot, source

HERE = socket.gethostname()
NOBODY = 2**22 + 1
"""No process has this pid: it exceeds the maximum of Linux."""


def seen(*jobs: object) -> Snapshot:
    return snapshot(jobs, sources=(source("dask"), source("slurm.queue")))


BEFORE = snapshot([busy_job("4700", 0), busy_job("4701", 1)], cluster=cluster())


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def begun(environment: dict[str, str], who: str = f"ada@{HERE}, process {NOBODY}") -> ActionLog:
    """Begin to release 4701."""
    log = ActionLog(environment, who, plan(BEFORE, Jobs(count=1)), "tcp://a:1")
    log.begun()
    return log


def events(environment: dict[str, str]) -> list[str]:
    return [json.loads(line)["event"] for line in path(environment).read_text().splitlines()]


def test_ended_action_is_not_unfinished(environment: dict[str, str]) -> None:
    begun(environment).ended(Outcome(done=True, message="gave back job 4701"))
    begun(environment).interrupted()
    assert unfinished(read(environment)) == ()


def test_releases_name_who_released_a_job(environment: dict[str, str]) -> None:
    begun(environment).ended(Outcome(done=True, message="gave back job 4701"))
    scheduler_id = BEFORE.cluster.scheduler_id
    assert releases(read(environment), scheduler_id) == {"4701": f"ada@{HERE}, process {NOBODY}"}
    assert releases(read(environment), "another") == {}


def test_invalid_lines_are_skipped() -> None:
    assert parse(b'{"at": "2025\n\xff\n[]\n{}\nnull\n') == ()


def test_missing_log_is_empty(environment: dict[str, str]) -> None:
    assert read(environment) == ()
    assert conclude_unfinished(environment, seen()) == ()


@pytest.mark.parametrize(
    ("jobs", "message"), [([busy_job("4701", 1)], "job 4701 is still there"), ([ended("4701")], "job 4701 is gone")]
)
def test_unfinished_action_is_reported_once_and_logged(
    environment: dict[str, str], jobs: list[object], message: str
) -> None:
    begun(environment)
    (words,) = conclude_unfinished(environment, seen(*jobs))
    assert words == f"dasktop ended during '1 job' (ada@{HERE}, process {NOBODY}): {message}"
    assert events(environment) == ["begun", "left in the middle"]
    last = json.loads(path(environment).read_text().splitlines()[-1])
    assert (last["message"], last["release"]) == (words, ["4701"])
    assert conclude_unfinished(environment, seen(*jobs)) == ()


def test_running_action_is_not_reported(environment: dict[str, str]) -> None:
    begun(environment, f"ada@{HERE}, process {os.getpid()}")
    begun(environment, "ada@another, process 7")
    assert conclude_unfinished(environment, seen()) == ()


def test_reused_pid_is_detected(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    begun(environment, f"ada@{HERE}, process {os.getpid()}")
    later = datetime.now(UTC) + timedelta(minutes=1)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: later.timestamp())
    assert len(conclude_unfinished(environment, seen())) == 1


def test_outcome_is_unknown_without_slurm(environment: dict[str, str]) -> None:
    begun(environment)
    (action,) = read(environment)
    blind = snapshot([], sources=(source("dask"), source("slurm.queue", state="error")))
    found = check_released(action, blind)
    assert found == {"4701": "unknown"}
    assert unfinished_words(action, found, blind).endswith(": whether job 4701 is gone is unknown")


def test_submitted_jobs_are_unknown(environment: dict[str, str]) -> None:
    log = ActionLog(environment, f"ada@{HERE}, process {NOBODY}", plan(BEFORE, Jobs(count=4)), "tcp://a:1")
    log.begun()
    (words,) = conclude_unfinished(environment, seen())
    assert words.endswith(": whether 2 jobs were submitted is unknown: check with squeue")


def test_text_of_the_log_is_cleaned(environment: dict[str, str]) -> None:
    begun(environment, "\x1b[31mada")
    (action,) = read(environment)
    assert "\x1b" not in action.who
    assert replace(action, who="x").pid is None
