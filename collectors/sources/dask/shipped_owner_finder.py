"""Find and describe the owner, the user's cluster object, in the scheduler's process; shipped with `shipped_scheduler`.

Must run on Python 3.8, distributed 2022.6 and dask-jobqueue 0.7 onwards. Changes nothing.
"""

from __future__ import annotations

import os
import socket
import weakref
from typing import Any

from dasktop.collectors.sources.dask.shipped_distributed_private import (
    adaptive_of,
    created_jobs,
    may_be_submitting,
    spec_clusters,
)
from dasktop.collectors.sources.dask.shipped_jobqueue_private import sample_job
from dasktop.collectors.sources.dask.shipped_values import plain, text

LONGEST_SCRIPT = 16_000


class OwnerFinder:
    """Finds and describes the SpecCluster that this scheduler belongs to, if it is in this process."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        self.found: Any = None
        self.job: dict[str, Any] = {}

    def describe(self) -> dict[str, Any] | None:
        """Return the owner as plain data, or None."""
        try:
            owner = self.find()
            return None if owner is None else self.describe_found(owner)
        except Exception:  # noqa: BLE001 - the owner may be of any class of the user's; the rest is still reported
            return None

    def find(self) -> Any:
        """Return the owner, or None."""
        owner = self.found and self.found()
        if owner is not None and owner.scheduler is self.scheduler:
            return owner
        self.found, self.job = None, {}
        for owner in spec_clusters():
            if owner.scheduler is self.scheduler:
                self.found = weakref.ref(owner)
                return owner
        return None

    def describe_found(self, owner: Any) -> dict[str, Any]:
        """Return this owner as plain data. Only with dask-jobqueue are its workers jobs with ids."""
        if not self.job:
            self.job = describe_job(owner)
        return {
            "class": text(type(owner).__name__),
            "name": text(getattr(owner, "name", None)),
            "host": text(socket.gethostname()),
            "pid": os.getpid(),
            "adaptive": describe_adaptive(adaptive_of(owner)),
            "job_ids": {
                text(name): text(job.job_id)
                for name, job in list(owner.workers.items())
                if getattr(job, "job_id", None)
            },
            **describe_wanted(owner),
            **self.job,
        }


def describe_wanted(owner: Any) -> dict[str, Any]:
    """Return which jobs a dask-jobqueue cluster wants, which of these could not be submitted, and the script of one.

    A job whose ``start`` failed stays in the owner without an id, and the exception is not kept (distributed 2026.8);
    up to 2023 only `created_jobs` contains it.
    """
    if not hasattr(owner, "job_cls"):
        return {}
    wanted = list(owner.worker_spec)
    description: dict[str, Any] = {"wanted": [text(name) for name in wanted]}
    if may_be_submitting(owner):
        return description
    created = created_jobs(owner)
    jobs = {name: owner.workers.get(name) or created.get(name) for name in wanted}
    failed = {name: job for name, job in jobs.items() if job is not None and not getattr(job, "job_id", None)}
    if failed:
        description["not_submitted"] = [text(name) for name in failed]
        try:
            description["script"] = str(next(iter(failed.values())).job_script())[:LONGEST_SCRIPT]
        except Exception:  # noqa: BLE001 - the job may be of a class of the user's; the rest is still reported
            description["script"] = None
    return description


def describe_job(owner: Any) -> dict[str, Any]:
    """Return the size of a job of a dask-jobqueue cluster: the same for all of them, at any time."""
    job = next((job for job in owner.workers.values() if hasattr(job, "worker_processes")), None)
    if job is None:
        try:  # cores and memory may be configured in YAML files only
            job = sample_job(owner)
        except Exception:  # noqa: BLE001 - invalid settings may raise anything; the size is unknown then
            job = None
    return {
        "cores": plain(getattr(job, "worker_cores", None)),
        "memory": plain(getattr(job, "worker_memory", None)),
        "processes": plain(getattr(job, "worker_processes", None)),
    }


def describe_adaptive(adaptive: Any) -> dict[str, Any] | None:
    """Return the bounds while adaptive scaling runs, else None. The owner keeps an Adaptive that was stopped."""
    # In all versions `periodic_callback` is None once stopped; `state` exists from 2025 on.
    if adaptive is None or adaptive.periodic_callback is None or getattr(adaptive, "state", "running") == "stopped":
        return None
    return {"minimum": plain(adaptive.minimum), "maximum": plain(adaptive.maximum)}
