"""Faults that a user is told in one line. Anything else that is raised is our own bug."""

from dasktop.collectors.text.clean import clean


class SourceError(Exception):
    """A source did not answer, or not sensibly. Its text is one clean line that names the thing."""


class SourceOffError(SourceError):
    """A source that this site doesn't have (no ``squeue``, no accounting): no use asking again soon."""


class NoSchedulerError(SourceError):
    """No scheduler: none found, several found, or not to be reached. The text says which, and the way out."""


class SilentSchedulerError(NoSchedulerError):
    """Something takes connections at the address and says nothing: a scheduler that hangs or is busy, most likely."""


class PlanError(Exception):
    """No sensible plan exists for what was asked. Its text is one clean line: why, and the way out."""


class RecordingError(Exception):
    """A recording can't be written or read. Its text is one clean line: which, why, and the way out."""


def describe_own_fault(error: BaseException) -> str:
    """Return one line for a fault that is none of the source's, but a bug: what, and where."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})" if trace is not None else ""
    return clean(f"a fault of dasktop itself: {type(error).__name__}: {error}{where}")
