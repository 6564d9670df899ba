"""The private names of dask-jobqueue that dasktop relies on, all in one file; shipped with the modules that use them.

All exist in dask-jobqueue 0.8.0 (the oldest supported version) and 0.9.0. `JOBQUEUE_NAMES` lists what each name is
needed for, and what is missing without it.
"""

from __future__ import annotations

from typing import Any

# Name: (needed for, without it).
JOBQUEUE_NAMES = {
    "dask_jobqueue.core.JobQueueCluster._dummy_job": (
        "cores, memory and processes of a job that are configured in YAML files only (`sample_job`)",
        "they are unknown until there is a job, and adaptive scaling cannot be turned on",
    ),
}


def sample_job(owner: Any) -> Any:
    """Return a job made from the owner's settings, never submitted, or None. Raises what these settings cause."""
    return getattr(owner, "_dummy_job", None)
