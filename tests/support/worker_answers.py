"""The workers in an answer of the scheduler, by the values of each."""

from typing import Any

from dasktop.collectors.sources.dask.shipped_workers import CURRENT_FIELDS, HEARTBEAT_FIELDS, REGISTERED_FIELDS

NOW = 1_700_000_000.0
"""The scheduler's time of the answer, unless said otherwise."""


def whole_answer(
    *workers: dict[str, Any], known: tuple[float, ...] | None = (1, NOW, 0.0), versions: Any = ()
) -> dict[str, Any]:
    """Return the answer with all that is known of these workers; a field that is missing is ``None``."""
    return {
        "known": known,
        "registered": {"columns": _columns(REGISTERED_FIELDS, workers), "versions": list(versions)},
        **_changing(workers),
        "places": None,
    }


def answer_with_news(
    places: list[int], *workers: dict[str, Any], known: tuple[float, ...] | None = (1, NOW, 0.0)
) -> dict[str, Any]:
    """Return the answer in which only the workers at these places have a new heartbeat."""
    answer = {"known": known, "registered": None, **_changing(workers), "places": places}
    return answer | {"heartbeats": _columns(HEARTBEAT_FIELDS, [workers[place] for place in places])}


def _changing(workers: Any) -> dict[str, Any]:
    statuses = [
        [place, one["status"]] for place, one in enumerate(workers) if one.get("status", "running") != "running"
    ]
    return {
        "heartbeats": _columns(HEARTBEAT_FIELDS, workers),
        "current": _columns(CURRENT_FIELDS, workers),
        "statuses": statuses,
    }


def _columns(fields: tuple[str, ...], workers: Any) -> list[list[Any]]:
    return [[one.get(field) for one in workers] for field in fields]
