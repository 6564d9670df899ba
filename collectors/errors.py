"""Faults that a user is told in one line. Anything else that is raised is our own bug."""


class SourceError(Exception):
    """A source did not answer, or not sensibly. Its text is one clean line that names the thing."""


class SourceOffError(SourceError):
    """A source that this site doesn't have (no ``squeue``, no accounting): no use asking again soon."""


class NoSchedulerError(SourceError):
    """No scheduler: none found, several found, or not to be reached. The text says which, and the way out."""


class PlanError(Exception):
    """No sensible plan exists for what was asked. Its text is one clean line: why, and the way out."""
