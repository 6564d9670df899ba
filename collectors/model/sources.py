"""Functions that query the sources of a snapshot. Pure."""

from collections.abc import Iterable

from dasktop.collectors.model.snapshot import Source


def is_failing(source: Source) -> bool:
    """Return whether a source has never answered, or has stopped answering."""
    return source.state in ("stale", "error")


def fails(sources: Iterable[Source], name: str) -> bool:
    """Return whether the source of this name fails."""
    return any(source.name == name and is_failing(source) for source in sources)


def is_awaited(sources: Iterable[Source], name: str) -> bool:
    """Return whether the source of this name has neither answered nor failed yet."""
    return any(
        source.name == name and source.state in ("off", "stale") and source.age_seconds is None and source.error is None
        for source in sources
    )


def answers(sources: Iterable[Source], name: str) -> bool:
    """Return whether the source of this name answers."""
    return any(source.name == name and source.state == "ok" for source in sources)
