"""Answers what a screen asks beside the snapshots. Decides nothing about polling, and never holds it up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dasktop.collectors.model.errors import SourceError, describe_own_fault
from dasktop.collectors.model.queries import Answer, BatchScript, CallStack, FreeNodes, JobFiles, Question
from dasktop.collectors.sources.slurm.collector import SlurmCollector

if TYPE_CHECKING:
    from dasktop.collectors.sources.dask.collector import DaskCollector

LOOK_UP_SECONDS = 25.0
"""How long one question may take in all: a little longer than one command of SLURM's may."""
AT_ONCE = 4


class QueryService:
    """Looks things up in the caller's event loop, a few at once.

    Parameters
    ----------
    look_up
        Finds the answer; what it raises becomes the answer's error.
    hand_over
        Gets each answer.
    """

    def __init__(self, look_up: Callable[[Question], Awaitable[Answer]], hand_over: Callable[[Answer], None]) -> None:
        self._look_up = look_up
        self._hand_over = hand_over
        self._under_way: dict[Question, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def begin(self, question: Question) -> None:
        """Look something up; what is being looked up already is answered once."""
        if question not in self._under_way:
            self._under_way[question] = asyncio.create_task(self._answer(question))

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._under_way.clear()  # one that was given up before it began has not done so itself

    async def _answer(self, question: Question) -> None:
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS), self._turns:
                answer = await self._look_up(question)
        except TimeoutError:
            answer = Answer(question=question, error=f"no answer within {LOOK_UP_SECONDS:g} s")
        except SourceError as error:
            answer = Answer(question=question, error=str(error))
        except Exception as error:  # noqa: BLE001 - told to who asked
            answer = Answer(question=question, error=describe_own_fault(error))
        finally:
            self._under_way.pop(question, None)
        self._hand_over(answer)


async def look_up(question: Question, slurm: SlurmCollector | None, dask: "DaskCollector | None") -> Answer:
    """Find the answer to one question.

    Parameters
    ----------
    question
        What is asked.
    slurm
        ``None``: SLURM isn't to be asked.
    dask
        ``None``: no scheduler has been chosen yet.

    Raises
    ------
    SourceError
        It can't be told, and why.
    """
    answer = Answer(question=question)
    match question:
        case CallStack():
            if dask is None:
                raise SourceError("no scheduler has answered yet")
            stack = await dask.call_stack(question.worker_address, question.thread_native_id)
            return replace(answer, lines=stack.lines, running=stack.running)
        case _ if slurm is None:
            raise SourceError("SLURM is not asked (--no-slurm)")
        case BatchScript():
            return replace(answer, lines=await slurm.batch_script(question.job_id))
        case FreeNodes():
            return replace(answer, nodes=await slurm.free_nodes(question.partition))
        case JobFiles():
            return replace(answer, files=await slurm.output_files(question.job_id))
