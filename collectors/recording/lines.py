"""The lines of a recording: snapshots to lines, and lines to snapshots. Pure; files are somebody else's."""

from datetime import datetime

import msgspec

from dasktop.collectors.model.snapshot import SCHEMA_VERSION, Finding, Record, Snapshot, to_json
from dasktop.collectors.recording.delta import Base, Document
from dasktop.collectors.recording.records import Fields, Held, Keyframe
from dasktop.collectors.text.clean import clean, cleaned_document, may_hold_controls

RECORDING_VERSION = 1
LINES_FOR_ONE_WHOLE = 150
"""After so many differences comes a whole snapshot again: five minutes at two seconds each."""

_MOST_OF_WHOLE = 0.5
"""A difference that is longer than so much of its snapshot isn't worth it: the cluster is another one by now."""

_FAULTS = (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError)


class LineError(Exception):
    """A line that tells of no snapshot. Its text is one clean line that says why."""


class Head(Record, frozen=True, kw_only=True):
    """The first line: what this is."""

    recording: int
    """The version of the format, `RECORDING_VERSION`."""
    program: str = "?"
    begun_at: datetime | None = None
    redacted: bool = False


class LineHeader(Record, frozen=True, kw_only=True):
    """What an index needs of a line that is a snapshot or a difference. The rest is skipped, which is quick."""

    taken_at: datetime
    since: datetime | None = None
    """When the whole snapshot was taken that it is told against; ``None``: it is a whole one."""
    schema_version: int | None = None
    left_out: int = 0
    findings: tuple[Finding, ...] | None = None
    """``None``: as in the whole one."""


class Lines:
    """Makes lines of snapshots, one after the other."""

    def __init__(self) -> None:
        self._base: Base | None = None
        self._told = 0

    def begin_anew(self) -> None:
        """Tell the next snapshot whole: what was told before may not be in the file."""
        self._base = None

    def line(self, snapshot: Snapshot, left_out: int = 0) -> tuple[bytes, bool]:
        """Return the line of a snapshot, without the newline, and whether it is told whole.

        Parameters
        ----------
        snapshot
            Not taken before the ones that were told already.
        left_out
            How many before it are not recorded.
        """
        whole = to_json(snapshot)
        document: Document = msgspec.json.decode(whole)
        if self._base is not None and self._told < LINES_FOR_ONE_WHOLE:
            told = self._base.difference(document)
            line = msgspec.json.encode(told | {"left_out": left_out} if left_out else told)
            if len(line) < _MOST_OF_WHOLE * len(whole):
                self._told += 1
                return line, False
        self._base, self._told = Base(document), 0
        if left_out:
            whole = msgspec.json.encode(document | {"left_out": left_out})
        return whole, True


def line_header(line: bytes) -> LineHeader:
    """Return what a line tells of itself.

    Raises
    ------
    LineError
        It is neither a snapshot nor a difference.
    """
    try:
        seen = msgspec.json.decode(line, type=LineHeader)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise LineError(clean(f"no snapshot: {error}")) from None
    if seen.since is None and seen.schema_version is None:
        raise LineError("no snapshot: it has neither schema_version nor since")
    return seen


def head(line: bytes) -> Head | None:
    """Return the head, if this line is one."""
    try:
        return msgspec.json.decode(line, type=Head)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def whole(line: bytes) -> Keyframe:
    """Return the snapshot of a line that tells it whole, for itself and for the differences behind it.

    Raises
    ------
    LineError
        It doesn't.
    """
    try:
        document = _document(line)
        document.pop("left_out", None)
        return Keyframe(msgspec.convert(document, Snapshot), document)
    except (msgspec.DecodeError, RecursionError, *_FAULTS) as error:
        raise LineError(_version_words(line) or clean(f"no snapshot: {error}")) from None


def from_difference(line: bytes, base: Keyframe, fields: Fields | None = None) -> Snapshot:
    """Return the snapshot of a line that is told against a whole one; of ``fields``, see `Keyframe.patched`.

    Raises
    ------
    LineError
        It can't be.
    """
    try:
        return base.patched(_document(line), fields)
    except (msgspec.DecodeError, RecursionError, *_FAULTS) as error:
        raise LineError(clean(f"no difference from the snapshot before it: {error}")) from None


def held(line: bytes, base: Keyframe) -> tuple[Held, ...]:
    """Return what each worker holds in the snapshot of a line that is told against a whole one.

    Raises
    ------
    LineError
        It can't be told.
    """
    try:
        return base.held(_document(line))
    except (msgspec.DecodeError, RecursionError, *_FAULTS) as error:
        raise LineError(clean(f"no difference from the snapshot before it: {error}")) from None


def _document(line: bytes) -> Document:
    """Return what a line tells. Recordings come from anywhere: one that was edited may hold what moves cursors."""
    document: Document = msgspec.json.decode(line)
    if may_hold_controls(line):
        document = cleaned_document(document)
    return document


def _version_words(line: bytes) -> str | None:
    try:
        version = line_header(line).schema_version
    except LineError:
        return None
    return (
        f"a snapshot of version {version}, this dasktop reads {SCHEMA_VERSION}" if version != SCHEMA_VERSION else None
    )
