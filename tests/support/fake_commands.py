"""Fake `Commands` whose answers a test defines, and a clock that a test sets."""

import asyncio
from collections.abc import Callable

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.readings import QueuedJob
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.commands import CommandOutput

INTERVAL = 10.0
MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Commands:
    """Returns the answers of the test, and records the calls."""

    def __init__(self, answer: Callable[..., CommandOutput | str | SourceError]) -> None:
        self.answer = answer
        self.calls: list[tuple[str, ...]] = []
        self.at_once = self.most_at_once = 0

    async def run(self, *command: str) -> CommandOutput:
        self.calls.append(command)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        answer = self.answer(*command)
        if isinstance(answer, SourceError):
            raise answer
        return CommandOutput(command[0], answer, (), 0) if isinstance(answer, str) else answer

    def new(self) -> list[tuple[str, ...]]:
        """Return the calls since the last time."""
        calls, self.calls = self.calls, []
        return calls


def complains(program: str, *lines: str, status: int = 1) -> CommandOutput:
    return CommandOutput(program, "", lines, status)


def log() -> SourceLog:
    return SourceLog("slurm.test", float("inf"))


def job(job_id, state="RUNNING", **fields) -> QueuedJob:
    return QueuedJob(job_id=str(job_id), state=state, **fields)
