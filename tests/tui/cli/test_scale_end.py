"""How ``dasktop scale`` ends if something around it fails: the outcome is still reported."""

import asyncio
import os
import signal

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.options import Options
from dasktop.collectors.model.plan import Jobs, Outcome, Progress
from dasktop.collectors.runtime import execute as execute_module
from dasktop.tui.cli import scale
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.options import Refusal
from tests.support.plans import PLAN

DONE = Outcome(done=True, message="released job 7", released=("7",))
REFUSED = Outcome(done=False, message="after 60 s 1 task still running on job 7; no job was released")


@pytest.fixture
def scaled(monkeypatch):
    """Scale with an outcome, fail to record the final snapshot, and return the options of that attempt."""
    asked: list[Options] = []

    def scaled(outcome: Outcome, fault: BaseException) -> list[Options]:
        async def execute(*_: object) -> Outcome:
            return outcome

        async def take_snapshot(options: Options) -> None:
            asked.append(options)
            raise fault

        monkeypatch.setattr(scale, "_planned", lambda *_: (PLAN, "tcp://a:1"))
        monkeypatch.setattr(scale, "_execute", execute)
        monkeypatch.setattr(headless, "take_snapshot", take_snapshot)
        options = Options(record="run.ndjson", scheduler_file="s.json")
        scale._scale(options, Jobs(count=0), lambda _: None, dry_run=False, as_json=False, yes=True)
        return asked

    return scaled


@pytest.mark.parametrize(
    ("fault", "why"), [(Refusal("no dask scheduler found", 3), "no dask scheduler found"), (KeyboardInterrupt(), "int")]
)
def test_the_outcome_is_printed_if_recording_fails(scaled, capsys, fault, why):
    """A scheduler found through job scripts is no longer found when the last job is gone."""
    (asked,) = scaled(DONE, fault)
    assert (asked.address, asked.scheduler_file) == ("tcp://a:1", None)
    printed = capsys.readouterr()
    assert printed.out.endswith("\nreleased job 7\n")
    assert f"the final snapshot was not recorded: {why}" in printed.err


def test_a_refused_plan_raises_its_reason(scaled):
    with pytest.raises(Refusal, match="no job was released") as raised:
        scaled(REFUSED, Refusal("nobody answers", 3))
    assert raised.value.exit_code == 5


def test_a_second_interrupt_still_restores_workers(monkeypatch):
    given_back: list[bool] = []

    async def execute(_plan, _address, _options, report, *, agreed) -> Outcome:
        report(Progress(step="drain", message="1 task"))
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.1)
            given_back.append(True)
        return DONE

    monkeypatch.setattr(execute_module, "execute", execute)
    with pytest.raises(Refusal, match="stopped workers resume"):
        asyncio.run(scale._execute(PLAN, None, "tcp://a:1", Options()))
    assert given_back == [True]


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space left on device")])
def test_unwritable_progress_does_not_stop_the_operation(monkeypatch, error):
    def echo(*_: object, **__: object) -> None:
        raise error

    async def execute(_plan, _address, _options, report, *, agreed) -> Outcome:
        for step in ("stop new tasks", "release", "done"):
            report(Progress(step=step, message="job 7"))
        return DONE

    monkeypatch.setattr(scale.click, "echo", echo)
    monkeypatch.setattr(execute_module, "execute", execute)
    assert asyncio.run(scale._execute(replace(PLAN, submit=0), None, "tcp://a:1", Options())) == DONE
