"""The private names of distributed that dasktop relies on, all in one file; shipped with the modules that use them.

All exist in distributed 2023.5.0 (the oldest supported version) and 2026.8.0, except `_broker` and `_all_durations_us`,
which are newer.
`DISTRIBUTED_NAMES` lists what each name is needed for, and what is missing without it.
"""

from __future__ import annotations

import sys
from typing import Any

from dasktop.collectors.sources.dask.shipped_values import text

# Name: (needed for, without it).
DISTRIBUTED_NAMES = {
    "distributed.deploy.spec.SpecCluster._instances": (
        "the cluster object is found in the scheduler's process (`spec_clusters`)",
        "the cluster object is unknown, and nothing is scaled through it",
    ),
    "distributed.deploy.spec.SpecCluster._lock": (
        "jobs that are being submitted are not reported as failed (`may_be_submitting`)",
        "jobs that could not be submitted are not reported",
    ),
    "distributed.deploy.spec.SpecCluster._correct_state_waiting": (
        "the same, for jobs whose submission has been scheduled",
        "such a job is reported as not submitted for a moment",
    ),
    "distributed.deploy.spec.SpecCluster._created": (
        "jobs whose submission failed are found and removed, in versions up to 2023 (`created_jobs`)",
        "in these versions, jobs that could not be submitted are not reported",
    ),
    "distributed.deploy.spec.SpecCluster._correct_state": (
        "submitting jobs raises sbatch's message, which `scale` only logs (`submit_now`)",
        "submitting jobs through the cluster object fails with an error",
    ),
    "distributed.deploy.spec.SpecCluster._i": (
        "new jobs get names that no worker has (`skip_names`)",
        "submitting jobs through the cluster object fails with an error",
    ),
    "distributed.deploy.spec.SpecCluster._new_worker_name": (
        "as `_i`",
        "as `_i`",
    ),
    "distributed.deploy.spec.SpecCluster._adaptive": (
        "adaptive scaling is reported, changed and turned off (`adaptive_of`)",
        "adaptive scaling is reported as off, and cannot be turned off",
    ),
    "distributed.deploy.Adaptive._adapting": (
        "turning adaptive scaling off waits until a running adaptation has ended (`is_adapting`)",
        "it does not wait",
    ),
    "distributed.Scheduler._broker": (
        "events are read one by one, newest first; `get_events` copies up to 100,000 (`events_of`)",
        "worker events are unknown",
    ),
    "distributed.broker.Broker._topics": (
        "as `_broker`",
        "as `_broker`",
    ),
    "distributed.scheduler.TaskCollection._all_durations_us": (
        "times of a task name are read without copying all of them (`compute_and_transfer_seconds`)",
        "reading the work takes longer",
    ),
    "distributed.scheduler.WorkerState._has_what": (
        "results that a worker stores are counted without a call for each worker (`stored_counts`)",
        "a reading takes longer",
    ),
    "distributed.node.ServerNode._deque_handler": (
        "the names of workers that left before dasktop attached are found in the scheduler's log (`logged_workers`)",
        "these workers have no name and no job",
    ),
    "distributed.threadpoolexecutor.ThreadPoolExecutor._threads": (
        "idle threads of a worker's executors have the role compute (`executor_threads`)",
        "only threads that run a task have it",
    ),
}


def spec_clusters() -> list[Any]:
    """Return all cluster objects in this process."""
    spec = sys.modules.get("distributed.deploy.spec")
    return list(spec.SpecCluster._instances) if spec else []


def may_be_submitting(owner: Any) -> bool:
    """Return whether the owner submits jobs now or soon, or that is unknown."""
    lock = getattr(owner, "_lock", None)
    return lock is None or lock.locked() or getattr(owner, "_correct_state_waiting", None) is not None


def created_jobs(owner: Any) -> dict[Any, Any]:
    """Return name → job, also of jobs whose submission failed."""
    return {job.name: job for job in list(getattr(owner, "_created", ()))}


def forget_created(owner: Any, job: Any) -> None:
    """Remove a job from `created_jobs`: `close` expects each of them to have ended or been collected."""
    getattr(owner, "_created", set()).discard(job)


def submit_now(owner: Any) -> Any:
    """Return an awaitable that submits and cancels jobs until these are the wanted ones; it raises sbatch's message."""
    return owner._correct_state()


def skip_names(owner: Any, jobs: int, taken: set[Any]) -> None:
    """Advance the owner's counter, so that the next names are not taken: the scheduler refuses duplicate names."""
    taken = taken.union([str(name).rpartition("-")[0] for name in taken])
    number = free = owner._i
    while free < number + jobs:
        if text(owner._new_worker_name(free)) in taken:
            number = free + 1
        free += 1
    owner._i = number


def adaptive_of(owner: Any) -> Any:
    """Return the owner's Adaptive, running or stopped, or None."""
    return getattr(owner, "_adaptive", None)


def is_adapting(adaptive: Any) -> bool:
    """Return whether an adaptation is running."""
    return bool(getattr(adaptive, "_adapting", False))


def keeps_events(scheduler: Any) -> bool:
    """Return whether `events_of` can read the scheduler's events."""
    return getattr(scheduler, "_broker", None) is not None or isinstance(getattr(scheduler, "events", None), dict)


def events_of(scheduler: Any, topic: str) -> Any:
    """Return the events of a topic, oldest first, each ``(time, event)``."""
    broker = getattr(scheduler, "_broker", None)
    if broker is None:  # older versions
        return scheduler.events.get(topic, ())
    kept = broker._topics.get(topic)
    return kept.events if kept is not None else ()


def compute_and_transfer_seconds(prefix: Any) -> tuple[Any, Any]:
    """Return how long the tasks of a prefix computed, and fetched their dependencies."""
    micro = getattr(prefix, "_all_durations_us", None)
    if micro is None:  # older versions
        seconds = prefix.all_durations
        return seconds.get("compute", 0), seconds.get("transfer", 0)
    return micro.get("compute", 0) / 1e6, micro.get("transfer", 0) / 1e6


def stored_counts(workers: list[Any]) -> list[int]:
    """Return how many results each worker stores."""
    try:
        return [len(worker._has_what) for worker in workers]
    except AttributeError:
        return [len(worker.has_what) for worker in workers]


def logged_workers(scheduler: Any, addresses: set[Any]) -> dict[Any, Any]:
    """Return address → ``(name, time)`` of the last workers at these addresses that the scheduler's log has.

    The scheduler logs "Register worker" with the address and the name, up to 2023 with the WorkerState instead.
    """
    names: dict[Any, Any] = {}
    for record in reversed(scheduler._deque_handler.deque):
        if len(names) == len(addresses):
            break
        arguments = record.args
        if not isinstance(arguments, tuple) or not str(record.msg).startswith("Register worker"):
            continue
        if len(arguments) == 1:
            arguments = (getattr(arguments[0], "address", None), getattr(arguments[0], "name", None))
        if len(arguments) == 2 and arguments[0] in addresses:
            names.setdefault(arguments[0], (arguments[1], record.created))
    return names


def executor_threads(executor: Any) -> list[Any]:
    """Return the threads of an executor, busy or idle."""
    return list(getattr(executor, "_threads", ()))
