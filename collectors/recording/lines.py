"""Encode snapshots as lines of a recording, and decode them. Pure; does no I/O."""

from datetime import datetime

import msgspec
from msgspec.structs import asdict

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import SCHEMA_VERSION, Finding, Snapshot
from dasktop.collectors.recording.delta import DeltaEncoder, Document
from dasktop.collectors.recording.records import Fields, Keyframe, WorkerMemory
from dasktop.collectors.text.clean import clean, cleaned_document, may_hold_controls

RECORDING_VERSION = 1
DELTAS_PER_KEYFRAME = 150
"""A keyframe is written after this many deltas: every five minutes, at two seconds each."""

_LARGEST_DELTA = 0.5
"""If a delta is longer than this fraction of its snapshot, a keyframe is written instead."""

_FAULTS = (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError)


class LineError(Exception):
    """A line without a valid snapshot. The text says why, in one clean line."""


class Head(Record, frozen=True, kw_only=True):
    """The first line of a recording."""

    recording: int
    """The version of the format, `RECORDING_VERSION`."""
    program: str = "?"
    begun_at: datetime | None = None
    redacted: bool = False


class LineHeader(Record, frozen=True, kw_only=True):
    """The part of a keyframe or delta that an index needs. The rest is skipped, which is fast."""

    taken_at: datetime
    since: datetime | None = None
    """When its keyframe was taken; ``None``: it is a keyframe itself."""
    schema_version: int | None = None
    left_out: int = 0
    findings: tuple[Finding, ...] | None = None
    """``None``: as in the keyframe."""


class Lines:
    """Encodes consecutive snapshots as lines."""

    def __init__(self) -> None:
        self._encoder: DeltaEncoder | None = None
        self._deltas = 0
        self._keyframe_bytes = 0

    def restart(self) -> None:
        """Encode the next snapshot as a keyframe: earlier lines may be missing from the file."""
        self._encoder = None

    def line(self, snapshot: Snapshot, left_out: int = 0) -> tuple[bytes, bool]:
        """Return the line of a snapshot, without the newline, and whether it is a keyframe.

        Parameters
        ----------
        snapshot
            The next in time.
        left_out
            How many snapshots before it are not recorded.
        """
        if self._encoder is not None and self._deltas < DELTAS_PER_KEYFRAME:
            delta = self._encoder.delta(snapshot)
            line = msgspec.json.encode(delta | {"left_out": left_out} if left_out else delta)
            if len(line) < _LARGEST_DELTA * self._keyframe_bytes:
                self._deltas += 1
                return line, False
        self._encoder, self._deltas = DeltaEncoder(snapshot), 0
        whole = msgspec.json.encode(asdict(snapshot) | {"left_out": left_out} if left_out else snapshot)
        self._keyframe_bytes = len(whole)
        return whole, True


def line_header(line: bytes) -> LineHeader:
    """Decode the header of a line.

    Raises
    ------
    LineError
        It is neither a keyframe nor a delta.
    """
    try:
        header = msgspec.json.decode(line, type=LineHeader)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise LineError(clean(f"not a snapshot: {error}")) from None
    if header.since is None and header.schema_version is None:
        raise LineError("not a snapshot: it has neither schema_version nor since")
    return header


def head(line: bytes) -> Head | None:
    """Decode the head; ``None`` if this line is not one."""
    try:
        return msgspec.json.decode(line, type=Head)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def keyframe(line: bytes) -> Keyframe:
    """Decode a keyframe.

    Raises
    ------
    LineError
        It is not a keyframe.
    """
    try:
        document = _document(line)
        document.pop("left_out", None)
        return Keyframe(msgspec.convert(document, Snapshot), document)
    except (msgspec.DecodeError, RecursionError, *_FAULTS) as error:
        raise LineError(_version_words(line) or clean(f"not a snapshot: {error}")) from None


def from_delta(line: bytes, base: Keyframe, fields: Fields | None = None) -> Snapshot:
    """Return the snapshot of a delta and its keyframe; for ``fields``, see `Keyframe.patched`.

    Raises
    ------
    LineError
        It is not a delta to this keyframe.
    """
    try:
        return base.patched(_document(line), fields)
    except (msgspec.DecodeError, RecursionError, *_FAULTS) as error:
        raise LineError(clean(f"not a delta to the full snapshot before it: {error}")) from None


def memory_of_workers(line: bytes, base: Keyframe) -> tuple[WorkerMemory, ...]:
    """Return the memory of each worker in the snapshot of a delta and its keyframe.

    Raises
    ------
    LineError
        It is not a delta to this keyframe.
    """
    try:
        return base.memory_of_workers(_document(line))
    except (msgspec.DecodeError, RecursionError, *_FAULTS) as error:
        raise LineError(clean(f"not a delta to the full snapshot before it: {error}")) from None


def _document(line: bytes) -> Document:
    """Decode a line and clean its text. Recordings come from anywhere: one may contain terminal control codes."""
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
        f"a snapshot of version {version}; this dasktop reads version {SCHEMA_VERSION}"
        if version != SCHEMA_VERSION
        else None
    )
