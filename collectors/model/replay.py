"""Where a replay is in its recording: what a time line shows. Holds only."""

from datetime import datetime

from dasktop.collectors.model.snapshot import Record, Severity


class Mark(Record, frozen=True, kw_only=True):
    """A moment at which a finding begins."""

    at: datetime
    code: str
    severity: Severity
    message: str


class ReplayPosition(Record, frozen=True, kw_only=True):
    """The moment that is shown, and what there is around it."""

    at: datetime
    begins_at: datetime
    ends_at: datetime
    number: int
    """Of the snapshot, from 1."""
    count: int
    """How many snapshots there are; more are found while ``is_opening``."""
    is_playing: bool
    speed: float
    marks: tuple[Mark, ...] = ()
    is_opening: bool = False
    """Whether the recording is still being looked through."""
    is_redacted: bool = False
    remark: str | None = None
    """What is wrong with the file, in one line."""
