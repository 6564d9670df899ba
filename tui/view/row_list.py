"""The rows of the tree as a sequence that makes the rows of folded workers only when they are looked at. Pure.

A tree may have tens of thousands of workers, of which a screen shows forty.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

from dasktop.collectors.model.snapshot import Task, Worker
from dasktop.tui.view.rows import InJob, Key, Row, WorkerRow


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
        return (_key(worker) for worker in self.workers)

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

    def row(self, place: int) -> Row:
        """Return one of the rows."""
        return _row(self.workers[place], None, 0)


def _key(worker: Worker) -> Key:
    return "worker", worker.address


def _row(of: InJob, parent: Key | None, depth: int) -> Row:
    worker, task, job_id = of
    return WorkerRow(
        key=_key(worker), parent=parent, depth=depth, unfolded=False, worker=worker, task=task, job_id=job_id
    )


class RowList(Sequence[Row]):
    """Rows in display order, to which more can be appended.

    Parameters
    ----------
    folds_workers
        Whether all workers are folded.
    """

    def __init__(self, *, folds_workers: bool = False) -> None:
        self.folds_workers = folds_workers
        self._parts: list[Row | FoldedWorkers | FlatWorkers] = []
        self._starts: list[int] = []
        self._length = 0
        self._made: dict[int, Row] = {}

    def append(self, part: Row | FoldedWorkers | FlatWorkers) -> None:
        """Add a row, or rows of folded workers."""
        self._parts.append(part)
        self._starts.append(self._length)
        self._length += part.size if isinstance(part, FoldedWorkers | FlatWorkers) else 1

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        for row in rows:
            self.append(row)

    def not_folded_workers(self) -> Iterator[Row]:
        """Yield the rows other than those of folded workers."""
        return (part for part in self._parts if not isinstance(part, FoldedWorkers | FlatWorkers))

    def with_others(self, rows: Iterable[Row]) -> "RowList":
        """Return the same list with these rows in place of those of `not_folded_workers`, which are as many."""
        others = iter(rows)
        changed = RowList(folds_workers=self.folds_workers)
        for part in self._parts:
            changed.append(part if isinstance(part, FoldedWorkers | FlatWorkers) else next(others))
        return changed

    def keys(self) -> Iterator[Key]:
        """Yield the keys of all rows, without making rows."""
        for part in self._parts:
            if isinstance(part, FoldedWorkers | FlatWorkers):
                yield from part.keys()
            else:
                yield part.key

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
        if not isinstance(part, FoldedWorkers | FlatWorkers):
            return part
        if (made := self._made.get(place)) is None:  # the same row for as long as this list is shown
            made = self._made[place] = part.row(place - self._starts[number])
        return made
