"""Finds out what an ended job's log says was the matter, and who cancelled it. Once a job, and a few at a time.

It reads the end of the log, if SLURM has told in time where that is; what can't be found out stays unknown.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import EndedJob, FailureCause
from dasktop.collectors.sources.logs.log_file import LogFile, UnreadableError
from dasktop.collectors.sources.slurm.last_words import last_words
from dasktop.collectors.sources.slurm.output_files_reader import OutputFilesReader
from dasktop.collectors.system.user import name_of

JOBS_A_ROUND = 4
MAX_BYTES = 64 << 10
FILE_SECONDS = 2.0
"""For a file server, or a user database, to answer."""

T = TypeVar("T")

_Run = tuple[str, datetime | None]
"""A job's id and when it ended: it may run and end again."""

# A job that was killed in another way is explained by that. One whose workers have lost their scheduler "completes".
_MAY_SAY_MORE = frozenset({"FAILED", "COMPLETED"})


class FailureCauseReader:
    """Knows what the logs of ended jobs say.

    Parameters
    ----------
    files
        Knows where jobs write.
    """

    def __init__(self, files: OutputFilesReader) -> None:
        self._files = files
        self._words: dict[_Run, FailureCause] = {}
        self._names: dict[int, str] = {}

    async def read(self, ended: Iterable[EndedJob]) -> None:
        """Find out more about these, as far as it wasn't done yet."""
        ends = tuple(ended)
        runs = set(map(_run, ends))
        self._words = {run: words for run, words in self._words.items() if run in runs}
        due = [end for end in ends if _may_say_more(end) and _run(end) not in self._words]
        for end in due[:JOBS_A_ROUND]:
            self._words[_run(end)] = FailureCause()  # once, however it goes
            self._words[_run(end)] = await self._last_words(end)
        uids = {end.cancelled_by_uid for end in ends if end.cancelled_by_uid is not None}
        for uid in uids - self._names.keys():
            self._names[uid] = await _within_bounds(name_of, uid) or str(uid)

    def completed(self, ended: Iterable[EndedJob]) -> tuple[EndedJob, ...]:
        """Return these jobs with what was found out about them."""
        return tuple(
            replace(
                end,
                last_words=self._words.get(_run(end), end.last_words),
                output_files=self._output_files(end.job.job_id),
                cancelled_by=self._names.get(end.cancelled_by_uid) if end.cancelled_by_uid is not None else None,
            )
            for end in ended
        )

    def _output_files(self, job_id: str) -> tuple[str, ...]:
        files = self._files.known(job_id)
        return tuple(dict.fromkeys(path for path in (files.stdout, files.stderr) if path)) if files else ()

    async def _last_words(self, end: EndedJob) -> FailureCause:
        job_id = end.job.job_id
        await self._files.learn([job_id])
        files = self._files.known(job_id)
        path = files and (files.stderr or files.stdout)
        tail = await _within_bounds(read_tail, path) if path else None
        # What a signal has ended did not end by what it had to say.
        failed = read_state(end.job.state).name == "FAILED" and end.signal is None
        return last_words(tail, failed) if tail is not None else FailureCause()


def read_tail(path: str) -> str | None:
    """Return the last lines of a file, clean; ``None`` where it can't be read. May hang with its file server."""
    log = LogFile(path)
    try:
        log.look()
        return "\n".join(raw.line().text for raw in log.block_before(log.size_bytes, MAX_BYTES).lines())
    except UnreadableError:
        return None
    finally:
        log.close()


def _run(end: EndedJob) -> _Run:
    return end.job.job_id, end.ended_at


def _may_say_more(end: EndedJob) -> bool:
    return read_state(end.job.state).name in _MAY_SAY_MORE and end.job.started_at is not None


async def _within_bounds(call: Callable[..., T], *arguments: object) -> T | None:
    """Make a call that may hang, in a thread; ``None`` if it takes too long. The thread is left to itself then."""
    try:
        return await asyncio.wait_for(
            asyncio.get_running_loop().run_in_executor(None, call, *arguments), timeout=FILE_SECONDS
        )
    except TimeoutError:
        return None
