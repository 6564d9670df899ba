"""Reads a recording: an index of all its snapshots, and any of them at once; of a damaged file, what is good."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from math import ceil
from typing import NamedTuple

from dasktop.collectors.model.errors import RecordingError
from dasktop.collectors.model.replay import Mark
from dasktop.collectors.model.snapshot import SCHEMA_VERSION, Finding, Snapshot
from dasktop.collectors.recording import lines
from dasktop.collectors.recording.file import Damage, Place, TextLine, line_at, text_lines
from dasktop.collectors.recording.lines import RECORDING_VERSION, LineError, LineHeader
from dasktop.collectors.recording.records import Fields, Held, Keyframe
from dasktop.collectors.system.regular_file import open_regular
from dasktop.collectors.text.clean import clean

_LINES_OF_A_STRANGER = 200
"""After so many lines of which none is good, a file is taken for something else."""


class Entry(NamedTuple):
    """One snapshot in the file."""

    taken_at: datetime
    place: Place
    base: Place | None
    """Where the whole snapshot is that it is told against; ``None``: it is a whole one."""


class Recording:
    """A recording that is open for reading.

    Parameters
    ----------
    path
        Gzipped or not, whatever its name; also what ``dasktop snapshot --watch`` printed.

    Raises
    ------
    RecordingError
        It can't be read.

    Attributes
    ----------
    entries
        All snapshots found so far, in the order of the file.
    marks
        Where findings begin, so far.
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
        self._base: tuple[Place, Keyframe] | None = None
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
        """What is wrong with the file, as far as it was read, in one line."""
        notes = list(self._notes)
        if self._bad_lines:
            some = "1 line" if self._bad_lines == 1 else f"{self._bad_lines:,} lines"
            notes.append(f"{some} left out, the first: {self._first_fault}")
        return clean(f"{self.path}: {'; '.join(notes)}") if notes else None

    def scan(self) -> Iterator[int]:
        """Look through the file, yielding the number of snapshots found so far after each line.

        Raises
        ------
        RecordingError
            It can't be read, or there is no snapshot in it.
        """
        base: tuple[datetime, Place] | None = None
        base_findings: tuple[Finding, ...] = ()
        before: set[tuple[str, str | None, str | None]] = set()
        try:
            for number, line in enumerate(text_lines(self._file), start=1):
                seen = self._glance(line, number)
                if seen is not None and isinstance(line, TextLine):
                    self._is_ours = True
                    if seen.since is None:
                        base, base_findings = (seen.taken_at, line.place), seen.findings or ()
                        self._add(Entry(seen.taken_at, line.place, None))
                    elif base is not None and base[0] == seen.since:
                        self._add(Entry(seen.taken_at, line.place, base[1]))
                    else:
                        self._note_bad(number, "the whole snapshot before it is missing")
                        continue
                    before = self._mark(seen, base_findings if seen.findings is None else seen.findings, before)
                yield len(self.entries)
                if not self.entries and number >= _LINES_OF_A_STRANGER:
                    break
        except OSError as error:
            raise self._unreadable(error) from None
        if not self.entries:
            raise RecordingError(self._why_nothing())

    def snapshot(self, index: int) -> Snapshot:
        """Return one of the snapshots that were found.

        Raises
        ------
        LineError
            Its line is no good, and is counted in the `remark`.
        """
        return self._told(index, None)

    def evenly(self, most: int) -> Sequence[int]:
        """Return the indices of so many snapshots at most, evenly apart by number; the last one is among them."""
        last = len(self.entries) - 1
        return range(last, -1, -max(1, ceil(len(self.entries) / most)))[::-1]

    def snapshots(
        self,
        indices: Sequence[int] | None = None,
        fields: Fields | None = None,
        passing: Callable[[tuple[Held, ...]], None] | None = None,
    ) -> Iterator[Snapshot]:
        """Yield all that are good, of a recording that was scanned; much faster than one by one.

        Parameters
        ----------
        indices
            Only these of them, in rising order.
        fields
            Which fields have to be right, see `Keyframe.patched`.
        passing
            Called with what the workers hold in each of the others.

        Raises
        ------
        RecordingError
            It can't be read any more.
        """
        wanted = range(len(self.entries)) if indices is None else indices
        chosen = frozenset(wanted)
        try:
            # `passing` is for all lines; otherwise the first one that is wanted may be far behind the beginning.
            start = self.entries[wanted[0]].place.start if passing is None and wanted else 0
            found = (line for line in text_lines(self._file, start) if isinstance(line, TextLine))
            for index in range(len(self.entries)) if passing is not None else wanted:
                place = self.entries[index].place
                text = next((line.text for line in found if line.place == place), b"")
                with suppress(LineError):
                    if index in chosen:
                        yield self._told(index, text, fields)
                    elif passing is not None:
                        passing(self._held(index, text))
        except OSError as error:
            raise self._unreadable(error) from None

    def good_snapshot(self, index: int, step: int = 1) -> tuple[int, Snapshot] | None:
        """Return this snapshot or, if it is no good, the next good one in steps of 1 or -1; and its index."""
        while 0 <= index < len(self.entries):
            try:
                return index, self.snapshot(index)
            except LineError:
                index += step
        return None

    def index_at(self, moment: datetime) -> int:
        """Return the index of the latest snapshot that was taken by then; of the first if none was."""
        return max(0, bisect_right(self._latest, moment) - 1)

    def moment(self, index: int) -> datetime:
        """Return when a snapshot was taken, or the one before it if the clock was set back between them."""
        return self._latest[index]

    def _told(self, index: int, text: bytes | None, fields: Fields | None = None) -> Snapshot:
        """Return one of the snapshots that were found, of whose line the text may be known already."""
        entry = self.entries[index]
        with self._counting_bad(index):
            if text is None:
                text = line_at(self._file, entry.place)
            base = self._base_of(entry, text)
            return base.snapshot if entry.base is None else lines.from_difference(text, base, fields)

    def _held(self, index: int, text: bytes) -> tuple[Held, ...]:
        """Return what the workers hold in one of them."""
        entry = self.entries[index]
        with self._counting_bad(index):
            base = self._base_of(entry, text)
            return base.held({}) if entry.base is None else lines.held(text, base)

    def _base_of(self, entry: Entry, text: bytes) -> Keyframe:
        place = entry.base or entry.place
        if self._base is None or self._base[0] != place:
            self._base = place, lines.whole(text if entry.base is None else line_at(self._file, place))
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
        return RecordingError(clean(f"{self.path} can't be read: {error.strerror or error}"))

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._latest.append(max(entry.taken_at, self._latest[-1]) if self._latest else entry.taken_at)

    def _glance(self, line: TextLine | Damage, number: int) -> LineHeader | None:
        """Return what a line tells; note what is wrong with it."""
        if isinstance(line, Damage):
            self._notes.append(line.words if line.is_end else f"{line.words} at line {number}, read on behind it")
            return None
        if not line.text.strip():
            return None
        if not line.is_utf8:
            self._note_once("bytes that are not UTF-8, shown as \ufffd")
        try:
            seen = lines.line_header(line.text)
        except LineError as error:
            head = lines.head(line.text) if line.is_whole else None
            if head is not None:
                self._note_head(head)
            elif not line.is_whole:
                self._notes.append("cut short in its last line")
            else:
                self._note_bad(number, str(error))
            return None
        if (seen.schema_version or 0) > SCHEMA_VERSION:
            self._note_newer(f"snapshots of version {seen.schema_version}, this dasktop reads {SCHEMA_VERSION}")
        return seen

    def _note_head(self, head: lines.Head) -> None:
        self._is_ours = True
        self.is_redacted = head.redacted
        if head.recording > RECORDING_VERSION:
            self._note_newer(
                f"a recording of version {head.recording} ({head.program}), this one reads {RECORDING_VERSION}"
            )

    def _note_newer(self, words: str) -> None:
        self._note_once(f"written by a newer dasktop ({words}); upgrade to see what is missing here")

    def _note_once(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)

    def _note_bad(self, number: int, words: str) -> None:
        self._count_bad(f"line {number}: {words}")

    def _count_bad(self, words: str) -> None:
        self._bad_lines += 1
        self._first_fault = self._first_fault or words

    def _mark(
        self, seen: LineHeader, findings: tuple[Finding, ...], before: set[tuple[str, str | None, str | None]]
    ) -> set[tuple[str, str | None, str | None]]:
        now = {(finding.code, finding.job_id, finding.worker): finding for finding in findings}
        self.marks += [
            Mark(at=seen.taken_at, code=clean(finding.code), severity=finding.severity, message=clean(finding.message))
            for key, finding in now.items()
            if key not in before
        ]
        return set(now)

    def _why_nothing(self) -> str:
        if any("newer" in note for note in self._notes):
            return self.remark or ""
        if self._is_ours or (self._notes and not self._bad_lines):
            why = self._notes or ([self._first_fault] if self._first_fault else [])
            return clean(f"{self.path} holds no snapshot{': ' if why else ''}{'; '.join(why)}")
        return clean(f"{self.path} is no recording of dasktop: {self._first_fault or 'it is empty'}")
