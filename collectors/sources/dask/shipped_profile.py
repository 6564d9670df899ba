"""Reads the profile that a worker samples anyway, without what took little time; shipped with `shipped_worker`.

Must run on Python 3.8 and distributed 2022.6 onwards.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from dasktop.collectors.sources.dask.shipped_values import text

# A function and what it called is sent as a list in this order; `calls` is a list of such lists. A task name without a
# file contains the functions of its tasks.
CALL_FIELDS = ("name", "file", "line", "samples", "own_samples", "calls")
LEAST_SHARE = 0.005
# Per task name.
MOST_CALLS = 500
MOST_NAMES = 50
DEEPEST = 80


async def read_profile(worker: Any, seconds: Any, task_name: Any) -> dict[str, Any]:
    """Return the samples of the last seconds by task name, or those of one name; and how old the first of them is."""
    now = time.time() + getattr(worker, "scheduler_delay", 0)
    since = now - float(seconds)
    age = now - first_sample(worker, since, task_name, now)
    if task_name is not None:
        return {**pruned(await worker.get_profile(start=since, key=task_name)), "age_seconds": age}
    rows: list[list[Any]] = []
    total = 0
    for name in names_since(worker, since):
        await asyncio.sleep(0)  # adding up the samples of one name takes some milliseconds
        profile = pruned(await worker.get_profile(start=since, key=name))
        total += profile["samples"]
        rows.append([text(name), None, None, profile["samples"], profile["own_samples"], profile["calls"]])
    rows = [row for row in rows if row[3] >= total * LEAST_SHARE]
    return {"samples": total, "own_samples": 0, "calls": rows, "age_seconds": age}


def first_sample(worker: Any, since: float, task_name: Any, now: float) -> Any:
    """Return when the first sample after this time was taken, or one of a task name; now if there is none.

    A worker keeps samples for each second or so, with the end of that time.
    """
    begin = None
    for at, by_name in [*worker.profile_keys_history, (now, worker.profile_keys)]:
        if at >= since and (by_name if task_name is None else task_name in by_name):
            return at if begin is None else max(since, begin)
        begin = at
    return now


def names_since(worker: Any, since: float) -> list[Any]:
    """Return the task names with most samples, at most MOST_NAMES. A worker keeps its samples by name, too."""
    samples: dict[Any, int] = {}
    recent = [(since, worker.profile_keys)]
    for at, by_name in [*worker.profile_keys_history, *recent]:
        if at >= since:
            for name, profile in by_name.items():
                samples[name] = samples.get(name, 0) + profile["count"]
    return sorted(samples, key=lambda name: -samples[name])[:MOST_NAMES]


def pruned(profile: dict[str, Any]) -> dict[str, Any]:
    """Return the samples of a profile, and its calls without those that took little time."""
    total = profile["count"]
    least = max(1, total * LEAST_SHARE)
    calls, own = read_calls(profile, total, least, DEEPEST, [MOST_CALLS], counts_leaves(profile))
    return {"samples": total, "own_samples": own, "calls": calls}


def counts_leaves(node: dict[str, Any]) -> bool:
    """Return whether any innermost function has samples.

    Workers (2022.6 to 2026.8) count a sample for each caller, but not for the innermost function itself:
    `Worker.trigger_profile` calls ``profile.process`` with ``child=True``.
    """
    inner = list(node["children"].values())
    return any(counts_leaves(call) if call["children"] else call["count"] > 0 for call in inner)


def read_calls(
    node: dict[str, Any], samples: int, least: float, depth: int, budget: list[int], leaves_count: bool
) -> tuple[list[list[Any]], int]:
    """Return what a function called, most samples first, and the samples of the function itself.

    Without counts for innermost functions, the samples that no call accounts for are those of the only call. If there
    are several calls, they count as the function's own, and a call without other samples has None.
    """
    inner = list(node["children"].values())
    own = max(0, samples - sum([call["count"] for call in inner]))
    is_only = len(inner) == 1 and not leaves_count
    rows: list[list[Any]] = []
    for call in sorted(inner, key=lambda call: -call["count"]):
        count = call["count"] + own if is_only else call["count"]
        is_unknown = not count and own >= least and not leaves_count
        if not depth or budget[0] <= 0 or (count < least and not is_unknown):
            break
        budget[0] -= 1
        where = call["description"]
        calls, of_call = read_calls(call, count, least, depth - 1, budget, leaves_count)
        samples_known = None if is_unknown else count
        place = [text(where.get("name")), text(where.get("filename")), where.get("line_number")]
        rows.append([*place, samples_known, of_call, calls])
    return rows, 0 if is_only else own
