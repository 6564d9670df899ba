"""Answer queries of the screen beside the snapshots. Never controls or delays polling."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dasktop.collectors.model.errors import SourceError, describe_own_fault
from dasktop.collectors.model.queries import (
    Answer,
    BatchScript,
    CallStack,
    FreeNodes,
    JobFiles,
    ProfileOf,
    Question,
    QueuePosition,
    ServerLogs,
)
from dasktop.collectors.sources.slurm.collector import SlurmCollector

if TYPE_CHECKING:
    from dasktop.collectors.sources.dask.collector import DaskCollector

QUERY_SECONDS = 25.0
"""The timeout of one query: a little longer than that of one SLURM command."""
AT_ONCE = 4


class QueryService:
    """Answers queries in the caller's event loop, a few at a time.

    Parameters
    ----------
    answer
        Returns the answer; an exception becomes the answer's error.
    hand_over
        Called with each answer.
    """

    def __init__(self, answer: Callable[[Question], Awaitable[Answer]], hand_over: Callable[[Answer], None]) -> None:
        self._answer_question = answer
        self._hand_over = hand_over
        self._running: dict[Question, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def begin(self, question: Question) -> None:
        """Start a query; an identical running query is not started twice."""
        if question not in self._running:
            self._running[question] = asyncio.create_task(self._answer(question))

    async def close(self) -> None:
        """Cancel running queries."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()  # a task cancelled before it started has not removed itself

    async def _answer(self, question: Question) -> None:
        try:
            async with asyncio.timeout(QUERY_SECONDS), self._turns:
                answer = await self._answer_question(question)
        except TimeoutError:
            answer = Answer(question=question, error=f"no answer within {QUERY_SECONDS:g} s")
        except SourceError as error:
            answer = Answer(question=question, error=str(error))
        except Exception as error:  # noqa: BLE001 - reported in the answer
            answer = Answer(question=question, error=describe_own_fault(error))
        finally:
            self._running.pop(question, None)
        self._hand_over(answer)


async def answer_question(question: Question, slurm: SlurmCollector | None, dask: "DaskCollector | None") -> Answer:
    """Answer one query.

    Parameters
    ----------
    question
        The query.
    slurm
        ``None``: SLURM is disabled.
    dask
        ``None``: no scheduler has been chosen yet.

    Raises
    ------
    SourceError
        It is unavailable; the text says why.
    """
    answer = Answer(question=question)
    match question:
        case CallStack():
            if dask is None:
                raise SourceError("no scheduler has answered yet")
            stack = await dask.call_stack(question.worker_address, question.thread_native_id)
            return replace(answer, lines=stack.lines, running=stack.running)
        case ServerLogs():
            if dask is None:
                raise SourceError("no scheduler has answered yet")
            return replace(answer, lines=await dask.server_logs(question.worker_addresses))
        case ProfileOf():
            if dask is None:
                raise SourceError("no scheduler has answered yet")
            return replace(answer, profile=await dask.profile(question.worker_addresses, question.task_name))
        case _ if slurm is None:
            raise SourceError("SLURM is disabled by --no-slurm")
        case BatchScript():
            return replace(answer, lines=await slurm.batch_script(question.job_id))
        case FreeNodes():
            return replace(answer, nodes=await slurm.free_nodes(question.partition))
        case QueuePosition():
            return replace(answer, place=await slurm.queue_place(question.job_id, question.partition))
        case JobFiles():
            return replace(answer, files=await slurm.output_files(question.job_id))
