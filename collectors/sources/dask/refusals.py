"""Which schedulers refuse to run functions, as with ``blocked-handlers: [run_function]``.

Each asking is an error with a traceback in the scheduler's log, so each is asked once in the life of this process.
"""

_REASONS: dict[str, str] = {}


def note_refusal(scheduler_id: str, why: str) -> None:
    """Remember that the scheduler refuses: what it refuses is set when it starts, and its id is no other one's."""
    _REASONS[scheduler_id] = why


def refusal_of(scheduler_id: str | None) -> str | None:
    """Return why the scheduler refuses; ``None``: it doesn't, or was not asked yet."""
    return _REASONS.get(scheduler_id or "")


def knows_any() -> bool:
    """Whether any scheduler is known to refuse; if none is, there is no need to find out which one this is."""
    return bool(_REASONS)
