"""From when on something is worth telling: the numbers that the rules go by, all in one place."""

from typing import Annotated

from msgspec import Meta

from dasktop.collectors.model.snapshot import Record

MEMORY_SECONDS = 1800.0
"""For how long the history of findings remembers."""

_Seconds = Annotated[float, Meta(ge=0, le=1e9)]
_Percent = Annotated[float, Meta(ge=0, le=10_000)]
_Window = Annotated[float, Meta(ge=0, le=MEMORY_SECONDS)]
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class Thresholds(Record, frozen=True, kw_only=True):
    """Each may be set by the user, who reads these descriptions; the defaults keep a healthy cluster free of findings.

    See Also
    --------
    dasktop.tui.config.settings : reads descriptions and bounds from here.
    """

    worker_start_seconds: Annotated[_Seconds, Meta(description="A job may take so long to start its workers.")] = 120.0
    """Python's imports come from a file system that others use too."""
    worker_missing_seconds: Annotated[
        _Seconds, Meta(description="A worker that left may take so long to come back: its nanny starts it anew.")
    ] = 60.0
    worker_silent_seconds: Annotated[
        _Seconds, Meta(description="Without a heartbeat; many workers beat more rarely, and are given more.")
    ] = 15.0
    worker_paused_seconds: Annotated[_Seconds, Meta(description="So long a worker may be paused.")] = 10.0
    worker_restarts: Annotated[_Count, Meta(description="So many restarts of one worker are too many…")] = 2
    worker_restart_window_seconds: Annotated[_Window, Meta(description="… within this time.")] = 600.0
    worker_outside_seconds: Annotated[
        _Seconds, Meta(description="So long a worker may run outside SLURM before that is told.")
    ] = 0.0
    version_mismatch_seconds: Annotated[
        _Seconds, Meta(description="So long workers may have other versions than the scheduler before that is told.")
    ] = 0.0
    memory_near_limit_percent: Annotated[
        _Percent,
        Meta(description="Of a worker's limit, or of a job's memory. dask pauses a worker at 80, kills it at 95."),
    ] = 90.0
    memory_near_limit_seconds: Annotated[_Seconds, Meta(description="So long it may be that near.")] = 10.0
    memory_overcommitted_percent: Annotated[
        _Percent, Meta(description="The workers' limits together, of the job's memory; what is above is told.")
    ] = 102.0
    """dask-jobqueue rounds both."""
    threads_oversubscribed_percent: Annotated[
        _Percent, Meta(description="The workers' threads together, of the job's CPUs; what is above is told.")
    ] = 100.0
    threads_undersubscribed_percent: Annotated[
        _Percent, Meta(description="The same; what is below is told, unless something else uses the CPUs.")
    ] = 50.0
    """Exactly half is what one thread a core is where SLURM counts hyper-threads."""
    walltime_ending_seconds: Annotated[
        _Seconds, Meta(description="Left of a job's time; of a short job, a quarter of its time at most.")
    ] = 300.0
    never_start_seconds: Annotated[
        _Seconds, Meta(description="So long a job may wait for what waiting doesn't bring before that is told.")
    ] = 0.0
    held_seconds: Annotated[_Seconds, Meta(description="So long a job may be held before that is told.")] = 0.0
    pending_long_seconds: Annotated[_Seconds, Meta(description="So long a job may wait.")] = 3600.0
    idle_seconds: Annotated[_Seconds, Meta(description="A job without any task for so long is idle…")] = 600.0
    idle_cpu_percent: Annotated[
        _Percent, Meta(description="… unless it uses more than this of its CPUs, if not for dask tasks.")
    ] = 10.0
    owner_forgets_seconds: Annotated[
        _Seconds,
        Meta(description="So long the cluster may count a job that has ended: it cancels first, and then forgets."),
    ] = 5.0
    thrashing_jobs: Annotated[
        _Count,
        Meta(description="So many jobs that adaptive scaling has submitted and cancelled, in turn, are too many…"),
    ] = 3
    thrashing_window_seconds: Annotated[_Seconds, Meta(description="… within this time, …")] = 600.0
    thrashing_job_seconds: Annotated[
        _Seconds, Meta(description="… if it cancelled each so soon after it was submitted.")
    ] = 120.0
    ended_recently_seconds: Annotated[_Seconds, Meta(description="So long it is told that a job has failed.")] = 900.0
    source_stale_seconds: Annotated[
        _Seconds,
        Meta(description="So long the scheduler or SLURM, once it has answered, may be silent before that is told."),
    ] = 10.0


DEFAULTS = Thresholds()
