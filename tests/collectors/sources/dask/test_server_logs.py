"""Logs that dask's processes keep: read from a real scheduler, worker and nanny; and answers of any form."""

from typing import Any

import pytest
from distributed import Nanny, Scheduler

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import ServerLogs
from dasktop.collectors.runtime.queries import answer_question
from dasktop.collectors.sources.dask import server_logs
from dasktop.collectors.sources.dask.collector import DaskCollector
from dasktop.collectors.sources.dask.server_logs import read_scheduler_log, read_worker_logs

AT = 1_772_625_600.0


class FakeConnection:
    """Answers each call with the next of these."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.arguments: list[dict[str, Any]] = []

    async def call(self, op: str, seconds: float, **arguments: Any) -> object:
        del op, seconds
        self.arguments.append(arguments)
        return self.answers.pop(0)


async def of_workers(*answers: object, workers: int = 1) -> tuple[str, ...]:
    names = {f"tcp://{number}": f"w{number}" for number in range(workers)}
    return await read_worker_logs(FakeConnection(*answers), names, 5.0)  # type: ignore[arg-type]


async def test_messages_of_workers_and_nannies_by_time() -> None:
    worker = ["answered", ((AT + 2, "INFO", "second\n  more"), (AT, "INFO", "first"))]
    nanny = ["answered", ((AT + 1, "INFO", "\x1b[2Jnanny"),)]
    assert await of_workers({"tcp://0": worker}, {"tcp://0": nanny}) == (
        "worker w0  first",
        "nanny w0  [2Jnanny",
        "worker w0  second",
        "worker w0    more",
    )


async def test_workers_that_do_not_answer_are_named() -> None:
    answers = {"tcp://0": ["answered", ((AT, "INFO", "one"),)], "tcp://1": ["silent", None]}
    assert await of_workers(answers, {}, workers=2) == ("worker w0  one", "dasktop: worker w1: no answer within 2 s")
    with pytest.raises(SourceError, match="worker w0: no answer within"):
        await of_workers({"tcp://0": ["silent", None]}, {})
    with pytest.raises(SourceError, match="worker w0: not allowed"):
        await of_workers({"tcp://0": ["refused", "not allowed"]}, {})


async def test_logs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_logs, "MOST_WORKERS", 1)
    monkeypatch.setattr(server_logs, "MAX_LINES", 3)
    entries = tuple((AT + number, "INFO", f"line {number}") for number in range(9))
    found = await of_workers({"tcp://0": ["answered", entries]}, {}, workers=3)
    assert found == (*(f"worker w0  line {number}" for number in (6, 7, 8)), "dasktop: 2 more workers were not asked")
    huge = ((AT, "INFO", "line\n" * 10_000),)
    monkeypatch.setattr(server_logs, "MAX_LINES", 10_000)
    assert len(await of_workers({"tcp://0": ["answered", huge]}, {})) == server_logs.MOST_LINES_OF_MESSAGE + 1


@pytest.mark.parametrize("rubbish", [None, 7, "text", (), (None,), ((AT,),), ((AT, "INFO", b"x"),), (("x", 1, "a"),)])
async def test_rubbish_is_omitted(rubbish: object) -> None:
    good = {"tcp://0": ["answered", ((AT, "INFO", "one"),)]}
    assert await of_workers(good, {"tcp://0": ["answered", rubbish]}) == ("worker w0  one",)
    assert await of_workers(good, rubbish) == ("worker w0  one",)
    if isinstance(rubbish, tuple):
        assert await read_scheduler_log(FakeConnection(rubbish), 5.0) == ()  # type: ignore[arg-type]


async def test_logs_of_real_processes() -> None:
    async with (
        Scheduler(host="127.0.0.1", port=0, dashboard_address=":0") as scheduler,
        Nanny(scheduler.address, host="127.0.0.1", nthreads=1, name="w", dashboard_address=":0"),
    ):
        collector = DaskCollector(scheduler.address)
        question = ServerLogs(worker_addresses=())
        with pytest.raises(SourceError, match="not connected"):
            await answer_question(question, None, collector)
        [reading] = (await collector.read()).workers
        before = scheduler.rpc.open
        answer = await answer_question(ServerLogs(worker_addresses=(reading.worker.address,)), None, collector)
        assert any(line.startswith("worker w  ") and "Start worker at" in line for line in answer.lines)
        assert any(line.startswith("nanny w  ") and "Start Nanny at" in line for line in answer.lines)
        assert scheduler.rpc.open == before
        lines = (await answer_question(question, None, collector)).lines
        assert any(line.startswith("scheduler  ") and "Register worker" in line for line in lines)
        await collector.close()
        unprobed = DaskCollector(scheduler.address, probe=False)
        await unprobed.read()
        assert await unprobed.server_logs(()), "the scheduler has this handler itself"
        with pytest.raises(SourceError, match="--no-probe"):
            await unprobed.server_logs((reading.worker.address,))
        await unprobed.close()
