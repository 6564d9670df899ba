"""Thresholds of the finding rules, with their bounds, defaults and the descriptions that users read. No logic."""

from typing import Annotated

from msgspec import Meta

from dasktop.collectors.model.record import Record

MEMORY_SECONDS = 1800.0
"""How long the history of findings is kept; no window can be longer."""

_Seconds = Annotated[float, Meta(ge=0, le=1e9)]
_Percent = Annotated[float, Meta(ge=0, le=10_000)]
_Window = Annotated[float, Meta(ge=0, le=MEMORY_SECONDS)]
_Bytes = Annotated[int, Meta(ge=1, le=10**15)]
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class Thresholds(Record, frozen=True, kw_only=True):
    """Each one is a setting with a description for users. With the defaults, a healthy cluster has no findings.

    See Also
    --------
    dasktop.tui.config.settings : takes descriptions and bounds from here.
    """

    worker_start_seconds: Annotated[
        _Seconds, Meta(description="Report a job whose workers have not started after this time.")
    ] = 120.0
    """Starting is slow where Python's imports come from a shared file system."""
    worker_missing_seconds: Annotated[
        _Seconds,
        Meta(
            description="Report a worker that has been missing for longer than this. Its nanny may restart it before "
            "then."
        ),
    ] = 60.0
    worker_silent_seconds: Annotated[
        _Seconds,
        Meta(description="Report a worker without a heartbeat for longer than this. Large clusters get more time."),
    ] = 15.0
    worker_paused_seconds: Annotated[
        _Seconds, Meta(description="Report a worker that has been paused for longer than this.")
    ] = 10.0
    worker_restarts: Annotated[_Count, Meta(description="Report a worker that has been restarted this many times…")] = 2
    worker_restart_window_seconds: Annotated[_Window, Meta(description="… within this time.")] = 600.0
    worker_killed_seconds: Annotated[
        _Window,
        Meta(description="Report workers that died within this time, also those killed because of their memory."),
    ] = 1800.0
    """As long as failed tasks: a kill is often why they failed."""
    worker_outside_seconds: Annotated[
        _Seconds, Meta(description="Report a worker that has run outside SLURM for this long.")
    ] = 0.0
    tasks_failed_seconds: Annotated[_Seconds, Meta(description="Report tasks that have failed within this time.")] = (
        1800.0
    )
    tasks_unrunnable_seconds: Annotated[
        _Seconds, Meta(description="Report tasks that no worker can run for longer than this.")
    ] = 0.0
    tasks_stuck_seconds: Annotated[
        _Seconds,
        Meta(description="Report a worker that has run none of its tasks for this long…"),
    ] = 180.0
    tasks_stuck_cpu_percent: Annotated[
        _Percent, Meta(description="… and has used less than this share of one CPU.")
    ] = 10.0
    task_idle_seconds: Annotated[
        _Seconds, Meta(description="Report a task that has run for this long without using the CPU…")
    ] = 600.0
    task_idle_factor: Annotated[
        float,
        Meta(
            ge=1,
            le=1e6,
            description="… and for this many times the mean of any other task name, if none of its name has finished.",
        ),
    ] = 20.0
    task_waits_seconds: Annotated[
        _Seconds, Meta(description="Report such a task earlier if its thread has been seen to wait for this long.")
    ] = 60.0
    task_longer_factor: Annotated[
        float,
        Meta(ge=1, le=1e6, description="Report a task that has run for this many times the mean of its task name…"),
    ] = 10.0
    task_longer_seconds: Annotated[_Seconds, Meta(description="… and for this long…")] = 120.0
    task_longer_samples: Annotated[
        _Count, Meta(description="… if at least this many tasks of its name have finished.")
    ] = 20
    network_spill_bytes: Annotated[
        _Bytes, Meta(description="Report workers that have spilled this much to a network file system.")
    ] = 2**30
    version_mismatch_seconds: Annotated[
        _Seconds,
        Meta(description="Report workers whose versions have differed from the scheduler's for this long."),
    ] = 0.0
    memory_near_limit_percent: Annotated[
        _Percent,
        Meta(
            description="Report use above this share of a worker's memory limit or a job's memory. "
            "dask pauses a worker at 80 % and kills it at 95 %."
        ),
    ] = 90.0
    memory_near_limit_seconds: Annotated[_Seconds, Meta(description="… for longer than this.")] = 10.0
    memory_overcommitted_percent: Annotated[
        _Percent,
        Meta(description="Report workers whose memory limits add up to more than this share of the job's memory."),
    ] = 102.0
    """dask-jobqueue rounds both the limits and the job's memory."""
    threads_oversubscribed_percent: Annotated[
        _Percent, Meta(description="Report workers whose threads add up to more than this share of the job's CPUs.")
    ] = 100.0
    threads_undersubscribed_percent: Annotated[
        _Percent,
        Meta(
            description="Report workers whose threads add up to less than this share of the job's CPUs, "
            "unless something else uses the CPUs."
        ),
    ] = 50.0
    """One thread per core is exactly half where SLURM counts hyper-threads."""
    walltime_ending_seconds: Annotated[
        _Seconds,
        Meta(
            description="Report a job that has less time left than this; for a short job, at most a quarter of its "
            "time limit."
        ),
    ] = 300.0
    never_start_seconds: Annotated[
        _Seconds, Meta(description="Report a job that has waited this long for a reason that waiting cannot resolve.")
    ] = 0.0
    held_seconds: Annotated[_Seconds, Meta(description="Report a job that has been held for this long.")] = 0.0
    pending_long_seconds: Annotated[
        _Seconds, Meta(description="Report a job that has been pending for longer than this.")
    ] = 3600.0
    idle_seconds: Annotated[_Seconds, Meta(description="Report a job that has run no task for this long…")] = 600.0
    idle_cpu_percent: Annotated[_Percent, Meta(description="… unless the job uses this share of its CPUs or more.")] = (
        10.0
    )
    threads_waiting_seconds: Annotated[
        _Seconds,
        Meta(description="Report a worker all of whose threads have run tasks that only wait for this long."),
    ] = 300.0
    memory_unused_percent: Annotated[
        _Percent, Meta(description="Report a job that has used at most this share of its memory…")
    ] = 20.0
    memory_unused_seconds: Annotated[_Seconds, Meta(description="… since it started, at least this long ago.")] = 3600.0
    owner_forgets_seconds: Annotated[
        _Seconds,
        Meta(
            description="Report an ended job that the cluster object still counts after this time. "
            "It normally removes a job from its count shortly after cancelling it."
        ),
    ] = 5.0
    thrashing_jobs: Annotated[
        _Count,
        Meta(description="Report adaptive scaling that has submitted and cancelled this many jobs in turn…"),
    ] = 3
    thrashing_window_seconds: Annotated[_Seconds, Meta(description="… within this time, …")] = 600.0
    thrashing_job_seconds: Annotated[
        _Seconds, Meta(description="… if it cancelled each job within this time after submission.")
    ] = 120.0
    ended_recently_seconds: Annotated[
        _Seconds, Meta(description="Report a failed job for this long after its end.")
    ] = 900.0
    source_stale_seconds: Annotated[
        _Seconds,
        Meta(
            description="Report the scheduler or SLURM when it has not answered for this long. "
            "A source that has never answered is reported immediately."
        ),
    ] = 10.0


DEFAULTS = Thresholds()
