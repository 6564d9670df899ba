"""The rows of the tree as a sequence that makes rows only when they are looked at. Pure.

A tree may have a thousand jobs and tens of thousands of workers, of which a screen shows forty.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, overload

from dasktop.collectors.model.snapshot import Job, Task, Worker
from dasktop.tui.view.rows import InJob, JobRow, Key, Row, WorkerRow


class FoldedWorkers(NamedTuple):
    """The folded workers of a SLURM task, or those in no job: rows of the same depth, one below the other."""

    workers: Sequence[Worker]
    task: Task | None
    job_id: str | None
    parent: Key | None
    depth: int

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.workers)

    def keys(self) -> Iterator[Key]:
        """Yield the keys of the rows."""
        return map(_key, self.workers)

    def placed(self) -> Iterator[tuple[int, Worker]]:
        """Yield the workers, each with the place of its row."""
        return enumerate(self.workers)

    def row(self, place: int) -> Row:
        """Return one of the rows."""
        return _row((self.workers[place], self.task, self.job_id), self.parent, self.depth)


class FlatWorkers(NamedTuple):
    """The folded workers of a flat list."""

    workers: Sequence[InJob]

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.workers)

    def keys(self) -> Iterator[Key]:
        """Yield the keys of the rows."""
        return (_key(worker) for worker, _, _ in self.workers)

    def placed(self) -> Iterator[tuple[int, Worker]]:
        """Yield the workers, each with the place of its row."""
        return ((place, worker) for place, (worker, _, _) in enumerate(self.workers))

    def row(self, place: int) -> Row:
        """Return one of the rows."""
        return _row(self.workers[place], None, 0)


class JobRun(NamedTuple):
    """Jobs of at most one task, one below the other; below each unfolded one its workers, which are folded."""

    jobs: Sequence[Job]
    unfolded: Sequence[bool | None]
    """Of each job."""
    starts: Sequence[int]
    """The place of the row of each job; and the number of rows."""
    parent: Key | None
    depth: int

    @classmethod
    def of(cls, jobs: Sequence[Job], unfolded: Sequence[bool | None], parent: Key | None, depth: int) -> "JobRun":
        """Return the rows of these jobs."""
        sizes = (1 + len(job.tasks[0].workers) if is_open else 1 for job, is_open in zip(jobs, unfolded, strict=True))
        return cls(jobs, unfolded, (0, *accumulate(sizes)), parent, depth)

    @property
    def size(self) -> int:
        """The number of rows."""
        return self.starts[-1]

    def keys(self) -> Iterator[Key]:
        """Yield the keys of the rows."""
        for job, is_open in zip(self.jobs, self.unfolded, strict=True):
            yield "job", job.job_id
            if is_open:
                yield from map(_key, job.tasks[0].workers)

    def placed(self) -> Iterator[tuple[int, Worker]]:
        """Yield the workers, each with the place of its row."""
        for job, is_open, start in zip(self.jobs, self.unfolded, self.starts, strict=False):
            if is_open:
                yield from enumerate(job.tasks[0].workers, start + 1)

    def row(self, place: int) -> Row:
        """Return one of the rows."""
        number = bisect_right(self.starts, place) - 1
        if place == self.starts[number]:
            return self._job_row(number)
        job, index = self.jobs[number], place - self.starts[number] - 1
        [task] = job.tasks
        return _row((task.workers[index], task, job.job_id), ("job", job.job_id), self.depth + 1)

    def parts(self) -> Iterator[Row | FoldedWorkers]:
        """Yield the rows of the jobs, each followed by its workers."""
        for number, (job, is_open) in enumerate(zip(self.jobs, self.unfolded, strict=True)):
            yield self._job_row(number)
            if is_open:
                [task] = job.tasks
                yield FoldedWorkers(task.workers, task, job.job_id, ("job", job.job_id), self.depth + 1)

    def _job_row(self, number: int) -> JobRow:
        job, unfolded = self.jobs[number], self.unfolded[number]
        return JobRow(key=("job", job.job_id), parent=self.parent, depth=self.depth, unfolded=unfolded, job=job)


def _key(worker: Worker) -> Key:
    return "worker", worker.address


def _row(of: InJob, parent: Key | None, depth: int) -> Row:
    worker, task, job_id = of
    return WorkerRow(
        key=_key(worker), parent=parent, depth=depth, unfolded=False, worker=worker, task=task, job_id=job_id
    )


_MadeLater = (FoldedWorkers, FlatWorkers, JobRun)
"""Parts that make their rows when these are looked at."""


class RowList(Sequence[Row]):
    """Rows in display order, to which more can be appended."""

    def __init__(self) -> None:
        self._parts: list[Row | FoldedWorkers | FlatWorkers | JobRun] = []
        self._starts: list[int] = []
        self._length = 0
        self._made: dict[int, Row] = {}

    def append(self, part: Row | FoldedWorkers | FlatWorkers | JobRun) -> None:
        """Add a row, or rows that are made later."""
        self._parts.append(part)
        self._starts.append(self._length)
        self._length += part.size if isinstance(part, _MadeLater) else 1

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        for row in rows:
            self.append(row)

    def _single_parts(self) -> Iterator[Row | FoldedWorkers | FlatWorkers]:
        for part in self._parts:
            if isinstance(part, JobRun):
                yield from part.parts()
            else:
                yield part

    def not_folded_workers(self) -> Iterator[Row]:
        """Yield the rows other than those of folded workers."""
        return (part for part in self._single_parts() if not isinstance(part, FoldedWorkers | FlatWorkers))

    def with_others(self, rows: Iterable[Row]) -> "RowList":
        """Return the same list with these rows in place of those of `not_folded_workers`, which are as many."""
        others = iter(rows)
        changed = RowList()
        for part in self._single_parts():
            changed.append(part if isinstance(part, FoldedWorkers | FlatWorkers) else next(others))
        return changed

    def keys(self) -> Iterator[Key]:
        """Yield the keys of all rows, without making rows."""
        for part in self._parts:
            if isinstance(part, _MadeLater):
                yield from part.keys()
            else:
                yield part.key

    def workers(self) -> Iterator[tuple[int, Worker]]:
        """Yield all workers that have a row, each with its place, without making rows."""
        for start, part in zip(self._starts, self._parts, strict=True):
            if isinstance(part, _MadeLater):
                yield from ((start + place, worker) for place, worker in part.placed())
            elif isinstance(part, WorkerRow):
                yield start, part.worker

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Row]:
        return (self[index] for index in range(self._length))

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self._length))]
        place = index + self._length if index < 0 else index
        if not 0 <= place < self._length:
            raise IndexError(index)
        number = bisect_right(self._starts, place) - 1
        part = self._parts[number]
        if not isinstance(part, _MadeLater):
            return part
        if (made := self._made.get(place)) is None:  # the same row for as long as this list is shown
            made = self._made[place] = part.row(place - self._starts[number])
        return made
