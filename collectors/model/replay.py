"""The position of a replay in its recording, for the time line. Records only."""

from datetime import datetime

from dasktop.collectors.model.snapshot import Record, Severity


class Mark(Record, frozen=True, kw_only=True):
    """The time at which a finding begins."""

    at: datetime
    code: str
    severity: Severity
    message: str


class ReplayPosition(Record, frozen=True, kw_only=True):
    """The shown moment, and the extent of the recording."""

    at: datetime
    begins_at: datetime
    ends_at: datetime
    number: int
    """Number of the snapshot, from 1."""
    count: int
    """Number of snapshots; it grows while ``is_opening``."""
    is_playing: bool
    speed: float
    marks: tuple[Mark, ...] = ()
    is_opening: bool = False
    """Whether the recording is still being indexed."""
    is_redacted: bool = False
    remark: str | None = None
    """What is wrong with the file, in one line; ``None``: nothing."""
