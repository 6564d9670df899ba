"""Read a recording: index its snapshots, and decode any of them; skip what is damaged. Never writes."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from math import ceil
from typing import NamedTuple

from dasktop.collectors.model.errors import RecordingError
from dasktop.collectors.model.feed import Mark
from dasktop.collectors.model.snapshot import SCHEMA_VERSION, Finding, Snapshot
from dasktop.collectors.recording import lines
from dasktop.collectors.recording.file import Damage, LinePosition, TextLine, line_at, text_lines
from dasktop.collectors.recording.lines import RECORDING_VERSION, LineError, LineHeader
from dasktop.collectors.recording.records import Fields, Keyframe, WorkerMemory
from dasktop.collectors.system.files import open_regular
from dasktop.collectors.text.clean import clean
from dasktop.collectors.text.format import counted

_MOST_FOREIGN_LINES = 200
"""A file whose first lines, this many, have no snapshot is not a recording."""


class Entry(NamedTuple):
    """One snapshot in the file."""

    taken_at: datetime
    position: LinePosition
    base: LinePosition | None
    """The position of its keyframe; ``None``: it is a keyframe itself."""


class Recording:
    """An open recording.

    Parameters
    ----------
    path
        Gzipped or not, whatever its name; also the output of ``dasktop snapshot --watch``.

    Raises
    ------
    RecordingError
        It cannot be read.

    Attributes
    ----------
    entries
        All snapshots found so far, in file order.
    marks
        Where findings begin, as far as scanned.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self.marks: list[Mark] = []
        self.is_redacted = False
        self._latest: list[datetime] = []
        self._bad_lines = 0
        self._first_fault: str | None = None
        self._notes: list[str] = []
        self._bad_entries: set[int] = set()
        self._base: tuple[LinePosition, Keyframe] | None = None
        self._is_ours = False
        try:
            self._file = open_regular(path)
            self._file.seek(0)
        except OSError as error:
            raise self._unreadable(error) from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def remark(self) -> str | None:
        """The problems of the file, as far as it was read, in one line."""
        notes = list(self._notes)
        if self._bad_lines:
            notes.append(f"{counted(self._bad_lines, 'line')} skipped, the first: {self._first_fault}")
        return clean(f"{self.path}: {'; '.join(notes)}") if notes else None

    def scan(self) -> Iterator[int]:
        """Index the file; yield the number of snapshots found so far after each line.

        Raises
        ------
        RecordingError
            It cannot be read, or has no snapshot.
        """
        base: tuple[datetime, LinePosition] | None = None
        base_findings: tuple[Finding, ...] = ()
        before: set[tuple[str, str | None, str | None]] = set()
        try:
            for number, line in enumerate(text_lines(self._file), start=1):
                header = self._header(line, number)
                if header is not None and isinstance(line, TextLine):
                    self._is_ours = True
                    if header.since is None:
                        base, base_findings = (header.taken_at, line.position), header.findings or ()
                        self._add(Entry(header.taken_at, line.position, None))
                    elif base is not None and base[0] == header.since:
                        self._add(Entry(header.taken_at, line.position, base[1]))
                    else:
                        self._note_bad(number, "the full snapshot that it is based on is missing")
                        continue
                    before = self._mark(header, base_findings if header.findings is None else header.findings, before)
                yield len(self.entries)
                if not self.entries and number >= _MOST_FOREIGN_LINES:
                    break
        except OSError as error:
            raise self._unreadable(error) from None
        if not self.entries:
            raise RecordingError(self._why_nothing())

    def snapshot(self, index: int) -> Snapshot:
        """Decode one of the snapshots that were found.

        Raises
        ------
        LineError
            Its line is damaged; the `remark` counts it.
        """
        return self._decoded(index, None)

    def evenly(self, most: int) -> Sequence[int]:
        """Return the indices of at most this many snapshots, evenly spaced, including the last."""
        last = len(self.entries) - 1
        return range(last, -1, -max(1, ceil(len(self.entries) / most)))[::-1]

    def snapshots(
        self,
        indices: Sequence[int] | None = None,
        fields: Fields | None = None,
        passing: Callable[[tuple[WorkerMemory, ...]], None] | None = None,
    ) -> Iterator[Snapshot]:
        """Yield all valid snapshots of a scanned recording; much faster than one by one.

        Parameters
        ----------
        indices
            Only these, in ascending order.
        fields
            Which fields are needed, see `Keyframe.patched`.
        passing
            Called with the memory of the workers in each of the others.

        Raises
        ------
        RecordingError
            It can no longer be read.
        """
        wanted = range(len(self.entries)) if indices is None else indices
        chosen = frozenset(wanted)
        try:
            # `passing` needs all lines; otherwise start at the first wanted one.
            start = self.entries[wanted[0]].position.start if passing is None and wanted else 0
            found = (line for line in text_lines(self._file, start) if isinstance(line, TextLine))
            for index in range(len(self.entries)) if passing is not None else wanted:
                position = self.entries[index].position
                text = next((line.text for line in found if line.position == position), b"")
                with suppress(LineError):
                    if index in chosen:
                        yield self._decoded(index, text, fields)
                    elif passing is not None:
                        passing(self._memory_of_workers(index, text))
        except OSError as error:
            raise self._unreadable(error) from None

    def good_snapshot(self, index: int, step: int = 1) -> tuple[int, Snapshot] | None:
        """Return this snapshot or, if it is damaged, the next valid one in steps of 1 or -1; and its index."""
        while 0 <= index < len(self.entries):
            try:
                return index, self.snapshot(index)
            except LineError:
                index += step
        return None

    def index_at(self, moment: datetime) -> int:
        """Return the index of the last snapshot taken by then; 0 if none was."""
        return max(0, bisect_right(self._latest, moment) - 1)

    def moment(self, index: int) -> datetime:
        """Return when a snapshot was taken; never earlier than the one before it, even if the clock was set back."""
        return self._latest[index]

    def _decoded(self, index: int, text: bytes | None, fields: Fields | None = None) -> Snapshot:
        """Decode one of the snapshots that were found; ``text`` is its line, if read already."""
        entry = self.entries[index]
        with self._counting_bad(index):
            if text is None:
                text = line_at(self._file, entry.position)
            base = self._base_of(entry, text)
            return base.snapshot if entry.base is None else lines.from_delta(text, base, fields)

    def _memory_of_workers(self, index: int, text: bytes) -> tuple[WorkerMemory, ...]:
        """Return the memory of the workers in one of the snapshots."""
        entry = self.entries[index]
        with self._counting_bad(index):
            base = self._base_of(entry, text)
            return base.memory_of_workers({}) if entry.base is None else lines.memory_of_workers(text, base)

    def _base_of(self, entry: Entry, text: bytes) -> Keyframe:
        position = entry.base or entry.position
        if self._base is None or self._base[0] != position:
            self._base = position, lines.keyframe(text if entry.base is None else line_at(self._file, position))
        return self._base[1]

    @contextmanager
    def _counting_bad(self, index: int) -> Iterator[None]:
        try:
            yield
        except (LineError, OSError) as error:
            if index not in self._bad_entries:
                self._bad_entries.add(index)
                self._count_bad(f"the snapshot of {self.entries[index].taken_at:%Y-%m-%dT%H:%M:%SZ}: {error}")
            raise LineError(str(error)) from None

    def _unreadable(self, error: OSError) -> RecordingError:
        return RecordingError(clean(f"cannot read {self.path}: {error.strerror or error}"))

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._latest.append(max(entry.taken_at, self._latest[-1]) if self._latest else entry.taken_at)

    def _header(self, line: TextLine | Damage, number: int) -> LineHeader | None:
        """Decode the header of a line; note its problems."""
        if isinstance(line, Damage):
            self._notes.append(line.words if line.is_end else f"{line.words} at line {number}; continued after it")
            return None
        if not line.text.strip():
            return None
        if not line.is_utf8:
            self._note_once("invalid UTF-8, shown as \ufffd")
        try:
            header = lines.line_header(line.text)
        except LineError as error:
            head = lines.head(line.text) if line.is_whole else None
            if head is not None:
                self._note_head(head)
            elif not line.is_whole:
                self._notes.append("truncated in its last line")
            else:
                self._note_bad(number, str(error))
            return None
        if (header.schema_version or 0) > SCHEMA_VERSION:
            self._note_newer(f"snapshots of version {header.schema_version}, this dasktop reads {SCHEMA_VERSION}")
        return header

    def _note_head(self, head: lines.Head) -> None:
        self._is_ours = True
        self.is_redacted = head.redacted
        if head.recording > RECORDING_VERSION:
            self._note_newer(
                f"a recording of version {head.recording} ({head.program}), this dasktop reads {RECORDING_VERSION}"
            )

    def _note_newer(self, words: str) -> None:
        self._note_once(f"written by a newer dasktop ({words}); upgrade to see everything")

    def _note_once(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)

    def _note_bad(self, number: int, words: str) -> None:
        self._count_bad(f"line {number}: {words}")

    def _count_bad(self, words: str) -> None:
        self._bad_lines += 1
        self._first_fault = self._first_fault or words

    def _mark(
        self, header: LineHeader, findings: tuple[Finding, ...], before: set[tuple[str, str | None, str | None]]
    ) -> set[tuple[str, str | None, str | None]]:
        now = {(finding.code, finding.job_id, finding.worker): finding for finding in findings}
        self.marks += [
            Mark(
                at=header.taken_at, code=clean(finding.code), severity=finding.severity, message=clean(finding.message)
            )
            for key, finding in now.items()
            if key not in before
        ]
        return set(now)

    def _why_nothing(self) -> str:
        if any("newer" in note for note in self._notes):
            return self.remark or ""
        if self._is_ours or (self._notes and not self._bad_lines):
            why = self._notes or ([self._first_fault] if self._first_fault else [])
            return clean(f"{self.path} has no snapshot{': ' if why else ''}{'; '.join(why)}")
        return clean(f"{self.path} is not a dasktop recording: {self._first_fault or 'it is empty'}")
