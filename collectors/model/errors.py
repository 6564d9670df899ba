"""Errors that are shown to the user in one line. Any other exception is a bug in dasktop."""

from dasktop.collectors.text.clean import clean


class SourceError(Exception):
    """A source did not answer, or its answer could not be understood. Its text is one clean line."""


class SourceOffError(SourceError):
    """The site lacks the source (no ``squeue``, no accounting), so retrying soon is pointless."""


class NoSchedulerError(SourceError):
    """No scheduler: none found, several found, or unreachable. Its text says which, and what to do."""


class SilentSchedulerError(NoSchedulerError):
    """The address accepts connections but does not answer: probably a scheduler that hangs or is busy."""


class PlanError(Exception):
    """No plan can reach the target. Its text is one clean line: why, and what to do."""


class RecordingError(Exception):
    """A recording cannot be written or read. Its text is one clean line: which, why, and what to do."""


def describe_own_fault(error: BaseException) -> str:
    """Return one line for an exception that is a bug in dasktop: what, and where."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})" if trace is not None else ""
    return clean(f"internal error in dasktop: {type(error).__name__}: {error}{where}")
