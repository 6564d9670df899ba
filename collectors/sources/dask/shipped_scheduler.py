"""Runs inside the user's scheduler, shipped there as source text: adds the two handlers that dasktop polls.

Must run on Python 3.8 and distributed 2022.6 onwards. Imports only modules that are shipped with it (see `shipping`),
changes only ``handlers``, and raises no exception that the scheduler would log.
"""

from __future__ import annotations

import asyncio
import operator
import sys
import time
from typing import Any

from dasktop.collectors.sources.dask.shipped_distributed_private import events_of, keeps_events, logged_workers
from dasktop.collectors.sources.dask.shipped_owner_finder import OwnerFinder
from dasktop.collectors.sources.dask.shipped_place import read_place
from dasktop.collectors.sources.dask.shipped_values import pack_answer, plain, text, workers_of_scheduler
from dasktop.collectors.sources.dask.shipped_work import counts_of, read_work
from dasktop.collectors.sources.dask.shipped_workers import read_workers

# Several versions of dasktop may watch one scheduler: change the number when a request or an answer changes its form.
READING = "dasktop_v12_reading"
ASK_WORKERS = "dasktop_v2_ask_workers"

# Counting tasks takes about a microsecond per prefix, and the scheduler never forgets a prefix. Above this number only
# the states that the scheduler counts itself are reported.
MOST_COLLECTIONS = 2000
EVENTS_SECONDS = 12 * 3600
SECONDS_FOR_A_RESTART = 120
MOST_EVENTS = 500
MOST_EVENTS_CHECKED = 5000
# An event is sent as a list in this order.
EVENT_FIELDS = (
    "at",
    "kind",
    "worker",
    "pid",
    "memory_bytes",
    "reason",
    "tasks_interrupted",
    "results_lost",
)


def dasktop_install(dask_scheduler: Any) -> None:
    """Add the handlers, or replace those of an earlier dasktop. The scheduler logs this function's name."""
    owner_finder = OwnerFinder(dask_scheduler)
    place = read_place()

    # Old and new versions pass the comm to a handler if its first parameter is named `comm`.
    def reading(
        comm: Any = None,  # noqa: ARG001 - see above
        events_since: Any = None,
        work: Any = None,
        known_workers: Any = None,
    ) -> dict[str, Any]:
        try:
            now = time.time()
            wanted_work = read_work(dask_scheduler, work)
            events = read_events(dask_scheduler, events_since)
            answer = {
                **read(dask_scheduler, owner_finder, counts_of(wanted_work)),
                "workers": read_workers(dask_scheduler, known_workers, now),
                "place": place,
                "now": now,
                "events": events,
                "work": wanted_work,
                "departed": departed_workers(dask_scheduler, events, wanted_work),
            }
            return pack_answer(answer)
        except Exception as error:  # noqa: BLE001 - an exception here would appear in the user's log
            return {"error": text(repr(error))}

    async def ask_workers(comm: Any = None, addresses: Any = (), **limits: Any) -> dict[str, Any]:  # noqa: ARG001 - same
        try:
            return await ask(dask_scheduler, addresses, **limits)
        except Exception as error:  # noqa: BLE001 - an exception here would appear in the user's log
            return {"error": text(repr(error))}

    dask_scheduler.handlers[READING] = reading
    dask_scheduler.handlers[ASK_WORKERS] = ask_workers


def read(scheduler: Any, owner_finder: OwnerFinder, task_counts: Any = None) -> dict[str, Any]:
    """Return what a snapshot needs from the scheduler, without a loop over tasks; counts tasks if that is not done."""
    return {
        "id": text(scheduler.id),
        "address": text(scheduler.address),
        "started": getattr(scheduler, "time_started", None),
        "dask_version": text(getattr(sys.modules.get("dask"), "__version__", None)),
        "python_version": ".".join(map(str, sys.version_info[:3])),
        "task_counts": count_tasks(scheduler) if task_counts is None else task_counts,
        "owner": owner_finder.describe(),
    }


def read_events(scheduler: Any, since: Any) -> list[list[Any]] | None:
    """Return why workers ended or were restarted after this time (seconds since 1970), oldest first.

    None if this scheduler does not keep these events: nannies log memory kills from 2024.4 on.
    """
    try:
        if not keeps_events(scheduler) or not nannies_log_memory_kills():
            return None
        since = max(since if isinstance(since, (int, float)) else 0, time.time() - EVENTS_SECONDS)
        rows = [
            [at, "killed for memory", text(event["worker"]), plain(event["pid"]), plain(event["rss"]), None, None, None]
            for at, event in latest(scheduler, "worker-restart-memory", since)
        ]
        for at, event in latest(scheduler, "worker-fail-hard", since):
            rows.append([at, "died", None, None, None, text(event.get("exception_text")), None, None])
        silent: set[Any] = set()
        for _, event in latest(scheduler, "scheduler", since - SECONDS_FOR_A_RESTART):
            if event.get("action") == "worker-ttl-timed-out":
                silent.update(event.get("workers") or ())
        for at, event in latest(scheduler, "all", since):
            rows += describe_event(at, event, silent)
        return sorted(rows, key=operator.itemgetter(0))[-MOST_EVENTS:]
    except Exception:  # noqa: BLE001 - events may be logged by anyone, in any form; the rest is still reported
        return None


def departed_workers(scheduler: Any, events: Any, work: Any) -> list[list[Any]]:
    """Return address, name and time of registration of workers that have left, as far as the log has them.

    Only of those that these events and failures mention: the poller may have attached after they left.
    """
    try:
        addresses = {event[2] for event in events or ()}
        for failure in (work or {}).get("failures") or ():
            addresses.update(failure[3], [attempt[1] for attempt in failure[6]])
        gone = {address for address in addresses if address is not None and address not in scheduler.workers}
        found = logged_workers(scheduler, gone) if gone else {}
        return [[text(address), text(name), plain(since)] for address, (name, since) in found.items()]
    except Exception:  # noqa: BLE001 - log records are made by anyone, in any form; the rest is still of use
        return []


def nannies_log_memory_kills() -> bool:
    """Return whether nannies of this version log an event when they kill a worker for its memory."""
    version = str(getattr(sys.modules.get("distributed"), "__version__", "")).split(".")
    return [int(part) for part in version[:2]] >= [2024, 4]


def latest(scheduler: Any, topic: str, since: float) -> list[Any]:
    """Return the events of a topic after this time that are dictionaries, newest first; at most MOST_EVENTS.

    Each comes with its time.
    """
    found: list[Any] = []
    for number, (at, event) in enumerate(reversed(events_of(scheduler, topic))):
        if at <= since or number >= MOST_EVENTS_CHECKED or len(found) >= MOST_EVENTS:
            break
        if isinstance(event, dict):
            found.append((at, event))
    return found


def describe_event(at: float, event: dict[Any, Any], silent: set[Any]) -> list[list[Any]]:
    """Return what an event of the topic "all" says about workers, in the order of EVENT_FIELDS.

    The scheduler itself restarts only workers that were silent for worker-ttl; an event of Client.restart may lack the
    client (2026.8).
    """
    action = event.get("action")
    if action == "remove-worker":
        how = None if event.get("expected") is None else "expected" if event["expected"] else "unexpected"
        running, lost = (len(event.get(name) or ()) for name in ("processing-tasks", "lost-computed-tasks"))
        return [[at, "removed", text(event.get("worker")), None, None, how, running, lost]]
    if action == "restart-workers":
        workers = list(event.get("workers") or ())[:MOST_EVENTS]
        return [
            [at, "restarted", text(worker), None, None, "silent" if worker in silent else "client", None, None]
            for worker in workers
        ]
    return []


def count_tasks(scheduler: Any) -> dict[str, int]:
    """Return the number of tasks by state; omits states that would take long to count."""
    collections = scheduler.task_prefixes
    if isinstance(getattr(type(next(iter(collections.values()), None)), "states", None), property):
        collections = scheduler.task_groups  # here a prefix sums over its groups: count these directly
    counts: dict[str, int] = {}
    if len(collections) <= MOST_COLLECTIONS:
        for collection in list(collections.values()):
            for state, count in collection.states.items():
                if count:
                    counts[state] = counts.get(state, 0) + count
        counts.pop("forgotten", None)
        return counts
    counts["processing"] = sum(len(worker.processing) for worker in workers_of_scheduler(scheduler))
    counts["no-worker"] = len(scheduler.unrunnable)
    if hasattr(scheduler, "queued"):  # from 2022.9
        counts["queued"] = len(scheduler.queued)
    return counts


async def ask(
    scheduler: Any,
    addresses: Any,
    messages: Any,
    worker_seconds: float,
    all_seconds: float,
    at_once: int,
    nannies: bool = False,
) -> dict[str, Any]:
    """Send the messages, in order, to each of the workers; return the outcome and the last answer of each.

    Each has ``worker_seconds`` to answer, and none is asked after ``all_seconds``. At most ``at_once`` are asked at the
    same time. With ``nannies``, the nannies of these workers are asked instead.

    Scheduler.broadcast is not used: one worker that hangs would delay all answers, and each one that fails
    would be an error in the user's log.
    """
    deadline = time.monotonic() + all_seconds
    slots = asyncio.Semaphore(at_once)

    async def ask_one(address: str) -> list[Any]:
        async with slots:
            if time.monotonic() >= deadline:
                return ["not asked", None]
            try:
                peer = scheduler.workers[address].nanny if nannies else address
                if peer is None:
                    return ["refused", "it has no nanny"]
                return ["answered", await asyncio.wait_for(send_messages(scheduler, peer, messages), worker_seconds)]
            except (asyncio.TimeoutError, OSError):  # noqa: UP041 - before Python 3.11 it is not an OSError
                return ["silent", None]
            except Exception as error:  # noqa: BLE001 - send_recv raises what the worker reports as its exception
                return ["refused", text(str(error))]

    answers = await asyncio.gather(*[ask_one(address) for address in addresses])
    return dict(zip(addresses, answers))  # noqa: B905 - `strict` is unknown to Python 3.8


async def send_messages(scheduler: Any, address: str, messages: Any) -> Any:
    """Send the messages to one worker and return its last answer."""
    from distributed.core import send_recv

    answer = None
    comm = await scheduler.rpc.connect(address)
    try:
        for message in messages:
            answer = await send_recv(comm, **message)
            if isinstance(answer, dict) and answer.get("status") == "error":
                raise RuntimeError(answer.get("exception_text") or "it failed")
    finally:
        scheduler.rpc.reuse(address, comm)
    return answer
