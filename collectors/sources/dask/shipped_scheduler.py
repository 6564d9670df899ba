"""Runs inside the user's scheduler, shipped there as source text: adds the two handlers that dasktop polls.

Must run on Python 3.8 and distributed 2022.6 onwards. Imports nothing of ours, changes nothing but ``handlers``, and
never raises into the scheduler's log.
"""

from __future__ import annotations

import asyncio
import operator
import os
import socket
import sys
import time
import weakref
from pathlib import Path
from typing import Any

# Two dasktops may share a scheduler: where the form of a question or an answer changes, so must the number.
READING = "dasktop_v6_reading"
ASK_WORKERS = "dasktop_v1_ask_workers"

# A worker travels as a list in this order: names would be most of the bytes.
WORKER_FIELDS = (
    "address",
    "name",
    "pid",
    "has_nanny",
    "status",
    "nthreads",
    "memory_limit",
    "memory",
    "managed",
    "spilled",
    "cpu",
    "executing",
    "processing",
    "stored",
    "last_seen_seconds",
    "transfers",
    "versions",
)
# And its transfers, one level deeper, in this order.
TRANSFER_FIELDS = (
    "incoming_bytes",
    "incoming_count",
    "incoming_count_total",
    "outgoing_bytes",
    "outgoing_count",
    "outgoing_count_total",
)
transfers_of = operator.itemgetter(*TRANSFER_FIELDS)

# Counting tasks costs about a microsecond a prefix, and a prefix is never forgotten. Beyond this many, only what the
# scheduler counts anyhow is told.
MOST_COLLECTIONS = 2000
LONGEST_TEXT = 1000
LONGEST_CGROUP = 8000
MOST_ANCESTORS = 64
EVENTS_SECONDS = 1800
SECONDS_FOR_A_RESTART = 120
MOST_EVENTS = 500
MOST_EVENTS_LOOKED_AT = 5000
# An event travels as a list in this order.
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
SLURM_VARIABLES = (
    "SLURM_JOB_ID",
    "SLURM_JOBID",
    "SLURM_STEP_ID",
    "SLURM_STEPID",
    "SLURM_PROCID",
    "SLURMD_NODENAME",
    "SLURM_TASK_PID",
)
LONGEST_SCRIPT = 16_000
LARGEST_INTEGER = 2**63 - 1
NOTHING_SPILLED = {"memory": 0, "disk": 0}


def dasktop_install(dask_scheduler: Any) -> None:
    """Add the handlers, or replace those of an earlier dasktop. Its name appears in the scheduler's log."""
    owner_finder = OwnerFinder(dask_scheduler)
    place = read_place()

    # Old and new versions hand a handler its connection if its first parameter is called `comm`.
    def reading(comm: Any = None, events_since: Any = None) -> dict[str, Any]:  # noqa: ARG001 - see above
        try:
            return {
                **read(dask_scheduler, owner_finder),
                "place": place,
                "now": time.time(),
                "events": read_events(dask_scheduler, events_since),
            }
        except Exception as error:  # noqa: BLE001 - what is raised here lands in the user's log
            return {"error": text(repr(error))}

    async def ask_workers(comm: Any = None, addresses: Any = (), **how: Any) -> dict[str, Any]:  # noqa: ARG001 - same
        try:
            return await ask(dask_scheduler, addresses, **how)
        except Exception as error:  # noqa: BLE001 - what is raised here lands in the user's log
            return {"error": text(repr(error))}

    dask_scheduler.handlers[READING] = reading
    dask_scheduler.handlers[ASK_WORKERS] = ask_workers


def read(scheduler: Any, owner_finder: OwnerFinder) -> dict[str, Any]:
    """Return all that a snapshot needs of the scheduler, without looping over tasks."""
    now = time.time()
    versions: dict[Any, int] = {}
    return {
        "id": text(scheduler.id),
        "address": text(scheduler.address),
        "started": getattr(scheduler, "time_started", None),
        "dask_version": text(getattr(sys.modules.get("dask"), "__version__", None)),
        "python_version": ".".join(map(str, sys.version_info[:3])),
        "task_counts": count_tasks(scheduler),
        "owner": owner_finder.describe(),
        "workers": [describe_worker(worker, now, versions) for worker in list(scheduler.workers.values())],
        # Last, as the workers fill it: most share one entry, to which each points by its number.
        "versions": [[text(dask), text(python)] for dask, python in versions],
    }


def read_place() -> dict[str, Any]:
    """Return where in SLURM this process is, if it is; what it means is found out on dasktop's side."""
    return {
        "environment": {name: text(os.environ[name]) for name in SLURM_VARIABLES if name in os.environ},
        "cgroup": (read_file("/proc/self/cgroup") or "")[:LONGEST_CGROUP],
        "stepds": read_stepds(),
    }


def read_stepds() -> list[Any]:
    """Return the titles of the slurmstepd among this process's ancestors, the nearest first; see `shipped_worker`."""
    titles = []
    pid = os.getppid()
    for _ in range(MOST_ANCESTORS):
        name, _, rest = (read_file(f"/proc/{pid}/stat") or "").partition("(")[2].rpartition(")")
        if name == "slurmstepd":
            titles.append(text(read_file(f"/proc/{pid}/cmdline")))
        fields = rest.split()
        pid = int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else 0
        if pid <= 0:
            break
    return titles


def read_file(path: str) -> str | None:
    """Return a small file as text, or None where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def read_events(scheduler: Any, since: Any) -> list[list[Any]] | None:
    """Return why workers ended or were started anew after this time (seconds since 1970), the oldest first.

    None where the scheduler doesn't keep what tells it: nannies log their kills from 2024.4 on.
    """
    try:
        if getattr(scheduler, "_broker", None) is None or not memory_kills_are_told():
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
    except Exception:  # noqa: BLE001 - events are whatever somebody logged; without them, the rest is told
        return None


def memory_kills_are_told() -> bool:
    """Return whether nannies of this version log an event when they kill a worker for its memory."""
    version = str(getattr(sys.modules.get("distributed"), "__version__", "")).split(".")
    return [int(part) for part in version[:2]] >= [2024, 4]


def latest(scheduler: Any, topic: str, since: float) -> list[Any]:
    """Return the events of a topic after this time that are dictionaries, each with its time; not endlessly many.

    Scheduler.get_events copies all of a topic, up to 100,000 of them.
    """
    kept = scheduler._broker._topics.get(topic)
    found: list[Any] = []
    for number, (at, event) in enumerate(reversed(kept.events if kept is not None else ())):
        if at <= since or number >= MOST_EVENTS_LOOKED_AT or len(found) >= MOST_EVENTS:
            break
        if isinstance(event, dict):
            found.append((at, event))
    return found


def describe_event(at: float, event: dict[Any, Any], silent: set[Any]) -> list[list[Any]]:
    """Return what an event of the topic "all" tells of workers, in the order of EVENT_FIELDS.

    The scheduler restarts workers by itself only where they were silent for worker-ttl; Client.restart needs not name
    its client (2026.8).
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


def describe_worker(worker: Any, now: float, versions: dict[Any, int]) -> list[Any]:
    """Return one worker in the order of WORKER_FIELDS. Written to be quick: there may be thousands.

    ``versions`` numbers the pairs of dask's and Python's versions; one that is new is added to it.
    """
    metrics = worker.metrics
    get = metrics.get
    name = worker.name
    # Renamed between 2022.6 and 2022.12; where spilling is off, some versions send nothing.
    spilled = get("spilled_bytes") or get("spilled_nbytes") or NOTHING_SPILLED
    managed = worker.nbytes - spilled["memory"]  # as WorkerState.memory has it
    # It may be below 0, as the two come at different times, or any number that the user's types claim to weigh.
    if type(managed) is not int or not 0 <= managed <= LARGEST_INTEGER:
        managed = 0 if managed < 0 else plain(managed)
    processing = len(worker.processing)
    try:
        transfers = transfers_of(get("transfer"))  # from 2022.12
    except (KeyError, TypeError):
        transfers = None
    return [
        worker.address,
        name if type(name) is str and name.isascii() else text(name),
        worker.pid,
        0 if worker.nanny is None else 1,
        worker.status._name_,
        worker.nthreads,
        worker.memory_limit,
        get("memory"),
        managed,
        spilled["disk"],
        get("cpu"),
        min(len(worker.executing), processing),  # as old as the heartbeat: what has ended since is not in `processing`
        processing,
        len(worker.has_what),
        now - worker.last_seen,
        transfers,
        versions.setdefault(versions_of(worker), len(versions)),
    ]


def versions_of(worker: Any) -> tuple[Any, Any]:
    """Return dask's and Python's version, as the worker told them when it came; None where it didn't."""
    try:
        told = worker.versions
        dask, python = told["packages"]["dask"], told["host"]["python"]
        hash((dask, python))
    except (AttributeError, KeyError, TypeError):
        return None, None
    return dask, python


def count_tasks(scheduler: Any) -> dict[str, int]:
    """Return the number of tasks by state; leaves out states that would take long to count."""
    collections = scheduler.task_prefixes
    if isinstance(getattr(type(next(iter(collections.values()), None)), "states", None), property):
        collections = scheduler.task_groups  # here a prefix counts by asking its groups, so ask them at once
    counts: dict[str, int] = {}
    if len(collections) <= MOST_COLLECTIONS:
        for collection in list(collections.values()):
            for state, count in collection.states.items():
                if count:
                    counts[state] = counts.get(state, 0) + count
        counts.pop("forgotten", None)
        return counts
    counts["processing"] = sum(len(worker.processing) for worker in scheduler.workers.values())
    counts["no-worker"] = len(scheduler.unrunnable)
    if hasattr(scheduler, "queued"):  # from 2022.9
        counts["queued"] = len(scheduler.queued)
    return counts


class OwnerFinder:
    """Finds and describes the SpecCluster whose scheduler this is, if it lives in this process."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        self.found: Any = None
        self.job: dict[str, Any] = {}

    def describe(self) -> dict[str, Any] | None:
        """Return the owner in plain data, or None."""
        try:
            owner = self.find()
            return None if owner is None else self.describe_found(owner)
        except Exception:  # noqa: BLE001 - the owner is the user's object, of any class; without it, the rest is told
            return None

    def find(self) -> Any:
        """Return the owner itself, or None."""
        owner = self.found and self.found()
        if owner is not None and owner.scheduler is self.scheduler:
            return owner
        spec = sys.modules.get("distributed.deploy.spec")
        self.found, self.job = None, {}
        for owner in list(spec.SpecCluster._instances) if spec else ():
            if owner.scheduler is self.scheduler:
                self.found = weakref.ref(owner)
                return owner
        return None

    def describe_found(self, owner: Any) -> dict[str, Any]:
        """Return this owner in plain data; its workers are jobs, with ids, only where it is dask-jobqueue's."""
        if not self.job:
            self.job = describe_job(owner)
        return {
            "class": text(type(owner).__name__),
            "name": text(getattr(owner, "name", None)),
            "host": text(socket.gethostname()),
            "pid": os.getpid(),
            "adaptive": describe_adaptive(getattr(owner, "_adaptive", None)),
            "job_ids": {
                text(name): text(job.job_id)
                for name, job in list(owner.workers.items())
                if getattr(job, "job_id", None)
            },
            **describe_wanted(owner),
            **self.job,
        }


def describe_wanted(owner: Any) -> dict[str, Any]:
    """Return which jobs a dask-jobqueue cluster wants, which of them could not be submitted, and one of their scripts.

    A job whose ``start`` failed stays as it was created, without an id, and nobody keeps the exception (distributed
    2026.8); until 2023 the owner has it in ``_created`` only. Under the lock jobs are just being submitted.
    """
    if not hasattr(owner, "job_cls"):
        return {}
    wanted = list(owner.worker_spec)
    told: dict[str, Any] = {"wanted": [text(name) for name in wanted]}
    lock = getattr(owner, "_lock", None)
    if lock is None or lock.locked() or getattr(owner, "_correct_state_waiting", None) is not None:
        return told
    created = {job.name: job for job in list(getattr(owner, "_created", ()))}
    jobs = {name: owner.workers.get(name) or created.get(name) for name in wanted}
    failed = {name: job for name, job in jobs.items() if job is not None and not getattr(job, "job_id", None)}
    if failed:
        told["not_submitted"] = [text(name) for name in failed]
        try:
            told["script"] = str(next(iter(failed.values())).job_script())[:LONGEST_SCRIPT]
        except Exception:  # noqa: BLE001 - the job is of the user's class; without its script, the rest is told
            told["script"] = None
    return told


def describe_job(owner: Any) -> dict[str, Any]:
    """Return what one job of a dask-jobqueue cluster has; it is the same for all, and never changes."""
    job = next((job for job in owner.workers.values() if hasattr(job, "worker_processes")), None)
    if job is None:
        try:  # where cores and memory stand in the YAML files alone, only a job made from them tells
            job = getattr(owner, "_dummy_job", None)
        except Exception:  # noqa: BLE001 - it raises what the user's settings make it raise; then they stay unknown
            job = None
    return {
        "cores": plain(getattr(job, "worker_cores", None)),
        "memory": plain(getattr(job, "worker_memory", None)),
        "processes": plain(getattr(job, "worker_processes", None)),
    }


def describe_adaptive(adaptive: Any) -> dict[str, Any] | None:
    """Return the bounds while adaptive scaling runs, else None. An Adaptive that was stopped stays in its place."""
    # `periodic_callback` is None once stopped, in all versions; `state` tells more, from 2025.
    if adaptive is None or adaptive.periodic_callback is None or getattr(adaptive, "state", "running") == "stopped":
        return None
    return {"minimum": plain(adaptive.minimum), "maximum": plain(adaptive.maximum)}


async def ask(
    scheduler: Any, addresses: Any, messages: Any, worker_seconds: float, all_seconds: float, at_once: int
) -> dict[str, Any]:
    """Send the messages, in order, to each of the workers; return what each answered to the last, and how that went.

    Each has ``worker_seconds`` to answer, and none is asked any more after ``all_seconds``.
    Not through Scheduler.broadcast: there one worker that hangs holds up all answers, and each that fails is an error
    in the user's log.
    """
    deadline = time.monotonic() + all_seconds
    slots = asyncio.Semaphore(at_once)

    async def ask_one(address: str) -> list[Any]:
        async with slots:
            if time.monotonic() >= deadline:
                return ["not asked", None]
            try:
                return ["answered", await asyncio.wait_for(talk(scheduler, address, messages), worker_seconds)]
            except (asyncio.TimeoutError, OSError):  # noqa: UP041 - before Python 3.11, it is no OSError
                return ["silent", None]
            except Exception as error:  # noqa: BLE001 - send_recv raises whatever the worker says it raised
                return ["refused", text(str(error))]

    answers = await asyncio.gather(*[ask_one(address) for address in addresses])
    return dict(zip(addresses, answers))  # noqa: B905 - `strict` is unknown to Python 3.8


async def talk(scheduler: Any, address: str, messages: Any) -> Any:
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


def plain(value: Any) -> Any:
    """Return what msgpack can say of it."""
    if value is None or isinstance(value, (str, bytes)):
        return text(value)
    try:
        number = int(value) if int(value) == value else float(value)
    except (TypeError, ValueError, OverflowError):  # no number; or infinity, of which int() makes an OverflowError
        return None if isinstance(value, float) else text(value)
    return number if abs(number) <= LARGEST_INTEGER else float(number)


def text(value: Any) -> Any:
    """Return it as text that msgpack can say, and not endlessly long; None stays None."""
    if value is None:
        return None
    try:
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    except Exception:  # noqa: BLE001 - it is the user's own object, of any class
        value = type(value).__name__
    return value[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
