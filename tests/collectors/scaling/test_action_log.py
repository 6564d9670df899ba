"""The action log: lines are complete, or an error is reported."""

import json
import os

import pytest

from dasktop.collectors.scaling.action_log import ActionLog, path
from tests.support.plans import PLAN


@pytest.fixture
def environment(tmp_path):
    return {"XDG_STATE_HOME": str(tmp_path)}


def begun(environment) -> ActionLog:
    log = ActionLog(environment, "ada@n1, process 7", PLAN, "tcp://a:1")
    log.begun()
    return log


def test_only_the_user_may_read_the_log(environment):
    assert begun(environment).write_error is None
    assert path(environment).stat().st_mode & 0o777 == 0o600
    assert json.loads(path(environment).read_text())["event"] == "begun"


def test_partial_write_is_reported(environment, monkeypatch):
    real, room = os.write, [20]

    def write(descriptor: int, text: bytes) -> int:
        if not room:
            raise OSError(28, "No space left on device")
        return real(descriptor, bytes(text)[: room.pop()])

    monkeypatch.setattr("dasktop.collectors.scaling.action_log.os.write", write)
    log = begun(environment)
    assert log.write_error == f"cannot write {path(environment)}: No space left on device"


def test_short_writes_are_continued(environment, monkeypatch):
    real = os.write
    monkeypatch.setattr(
        "dasktop.collectors.scaling.action_log.os.write", lambda file, text: real(file, bytes(text)[:7])
    )
    assert begun(environment).write_error is None
    assert json.loads(path(environment).read_text())["target"] == PLAN.target
