"""Two readings → one snapshot. Pure: no I/O, no clock; drops nothing that was read and marks what is inferred.

The one exception: `_jobs_without_workers` drops workers that a later reading of SLURM contradicts. `WorkerPlacer`
decides which job a worker belongs to, by the strongest evidence (`snapshot.EVIDENCE_LADDER`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from dasktop.collectors.analysis.beyond_dask import OtherUse, SlurmFigures
from dasktop.collectors.analysis.departed import jobs_of_departed
from dasktop.collectors.analysis.job_contents import JobContents, job_contents, natural_key
from dasktop.collectors.analysis.job_record import (
    job_record,
    one_decimal,
    with_other_programs,
    with_releaser,
    with_slurm_figures,
)
from dasktop.collectors.analysis.matching import (
    recently_ended_of_cluster,
    script_for,
    scripts_of_cluster,
    was_released_by_dasktop,
    workers_expected,
)
from dasktop.collectors.analysis.nodes import NodesOfWorkers
from dasktop.collectors.analysis.reconcile_memo import KnownJobs, ReconcileMemo
from dasktop.collectors.analysis.work import RunningTasks, completed_work
from dasktop.collectors.analysis.worker_end import WorkerEnds, with_failed_tasks
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import threads_busy
from dasktop.collectors.model.readings import (
    DaskReading,
    EndedJob,
    FoundInLogs,
    QueuedJob,
    Released,
    SlurmReading,
    Step,
)
from dasktop.collectors.model.snapshot import (
    EVIDENCE_LADDER,
    SCHEMA_VERSION,
    Cluster,
    Evidence,
    Job,
    Snapshot,
    Source,
    Totals,
    Worker,
)
from dasktop.collectors.model.sources import fails
from dasktop.collectors.model.sums import sum_if_all_known, sum_of_known
from dasktop.collectors.model.work import Attempt, WorkerEndKey

NO_CLUSTER = Cluster(scheduler_address=None, scheduler_id=None, dask_version=None, task_counts=None, owner=None)


def reconcile(
    dask: DaskReading | None,
    slurm: SlurmReading | None,
    sources: tuple[Source, ...],
    now: datetime,
    also_known_as: frozenset[str] = frozenset(),
    remembered: Mapping[str, tuple[Evidence, ...]] | None = None,
    jobs_of_workers: Mapping[str, str] | None = None,
    worker_ends: Mapping[WorkerEndKey, str] | None = None,
    worker_nodes: Mapping[WorkerEndKey, str] | None = None,
    in_logs: FoundInLogs | None = None,
    released: Mapping[str, Released] | None = None,
    beyond: Mapping[str, OtherUse] | None = None,
    slurm_figures: Mapping[str, SlurmFigures] | None = None,
    memo: ReconcileMemo | None = None,
) -> Snapshot:
    """Return the snapshot of both readings.

    Parameters
    ----------
    dask, slurm
        ``None`` if a source has not answered yet, or is not used.
    sources
        Copied into the snapshot.
    now
        Current time, aware, UTC; a job's remaining time is computed from it.
    also_known_as
        Addresses and scheduler files of this scheduler other than the address that it reports.
    remembered
        Evidence from earlier snapshots, by job id: an ended job no longer has a worker or an owner that shows it.
    jobs_of_workers
        The job that a worker was in, by the worker's address, from earlier snapshots.
    worker_ends
        Why workers ended, by address and time, from earlier snapshots.
    worker_nodes
        The nodes of workers that ended or on which tasks failed, by address and time, from earlier snapshots.
    in_logs
        What the logs of jobs say about workers that have left.
    released
        What released jobs, by job id, where that is known.
    beyond
        What other programs use, by job id, where that is clearly measurable.
    slurm_figures
        What SLURM says of all processes of a job, by job id.
    memo
        What earlier calls for this cluster found; updated. It saves time, and changes nothing else.
    """
    memo = memo or ReconcileMemo()
    cluster = dask.cluster if dask else NO_CLUSTER
    queued, ended = _jobs_by_id(slurm)
    addresses = also_known_as | ({cluster.scheduler_address} if cluster.scheduler_address else set())
    scripts = scripts_of_cluster(slurm.scripts if slurm else (), addresses)
    from_log: set[str] = set()
    for found in recently_ended_of_cluster(dask, slurm, addresses, released or {}):
        job_id = found.end.job.job_id
        if job_id in queued:
            continue
        ended.setdefault(job_id, found.end)
        if found.script is not None:
            scripts.setdefault(job_id, found.script)
        if was_released_by_dasktop(found.end, released or {}):
            from_log.add(job_id)
    job_ids_by_name = cluster.owner.job_ids if cluster.owner else {}
    verifier = memo.place(
        dask.workers if dask else (),
        KnownJobs(job_ids_by_name, queued, ended, scripts, slurm.steps if slurm else ()),
    )
    placed, unplaced = memo.placed, memo.unplaced
    of_unknown_scheduler = {
        script.job_id for script in (slurm.scripts if slurm else ()) if script.has_unknown_scheduler
    }
    if dask is not None and dask.scheduler_place is not None:
        place = verifier.verify(dask.scheduler_place).place
        cluster = replace(cluster, scheduler_job_id=place.job_id if place is not None else None)

    job_ids_of_owner = set(job_ids_by_name.values())
    steps: dict[str, list[Step]] = defaultdict(list)
    for step in slurm.steps if slurm else ():
        steps[step.job_id].append(step)
    requeued = {end.job.job_id: end for end in (slurm.requeued if slurm else ())}
    emptied = _jobs_without_workers(dask, slurm, sources, queued, ended)

    jobs = []
    job_ids = sorted({*queued, *ended, *placed, *job_ids_of_owner}, key=natural_key)
    contents = {job_id: memo.contents(job_id, steps[job_id]) for job_id in job_ids}
    memo.forget_all_but(job_ids)
    for job_id in job_ids:
        evidence = set(contents[job_id].evidence)
        if job_id in emptied:
            contents[job_id] = job_contents((), steps[job_id])
        evidence |= {"owner"} if job_id in job_ids_of_owner else set()
        evidence |= set((remembered or {}).get(job_id, ()))
        evidence |= {"action_log"} if job_id in from_log else set()
        evidence |= {"job_script"} if script_for(job_id, queued.get(job_id), scripts) else set()
        jobs.append(
            job_record(
                queued.get(job_id) or (ended[job_id].job if job_id in ended else QueuedJob(job_id=job_id)),
                end=ended.get(job_id) if job_id not in queued else None,
                previous_end=requeued.get(job_id),
                evidence=tuple(kind for kind in EVIDENCE_LADDER if kind in evidence),
                contents=contents[job_id],
                workers_expected=workers_expected(job_id, job_ids_of_owner, cluster.owner, queued, scripts),
                scheduler_unknown=job_id in of_unknown_scheduler and not evidence,
                dask_answered=dask is not None,
                now=now,
            )
        )

    jobs = [with_other_programs(job, (beyond or {}).get(job.job_id)) for job in jobs]
    jobs = [with_slurm_figures(job, (slurm_figures or {}).get(job.job_id)) for job in jobs]
    jobs = [with_releaser(job, (released or {}).get(job.job_id)) for job in jobs]

    running = RunningTasks(dask.work if dask is not None else None)
    jobs = [running.in_job(job) if contents[job.job_id].has_threads else job for job in jobs]

    jobs_by_id = {job.job_id: job for job in jobs}
    jobs_of_addresses = {
        **(in_logs.jobs if in_logs else {}),
        **jobs_of_departed(dask.departed if dask else (), jobs_by_id, cluster.owner, scripts, placed),
        **(jobs_of_workers or {}),
        **memo.job_of,
    }
    reported = dask.worker_events if dask is not None else None
    nodes = NodesOfWorkers(jobs_by_id, unplaced, worker_nodes)
    events = [replace(event, job_id=jobs_of_addresses.get(event.address or "")) for event in reported or ()]
    ends = WorkerEnds(
        [replace(event, node=nodes.node(event.address, event.job_id, event.at)) for event in events],
        jobs_by_id,
        worker_ends or {},
        in_logs.ends if in_logs else {},
    )

    def end_of(attempt: Attempt) -> str | None:
        return ends.cause(attempt.address, attempt.job_id, attempt.at)

    work = completed_work(dask.work if dask else None, jobs_of_addresses, end_of, nodes.node)
    failures = work.failures if work is not None else None
    ended_workers = ends.events if failures is None else with_failed_tasks(ends.events, failures)

    return Snapshot(
        schema_version=SCHEMA_VERSION,
        taken_at=now,
        cluster=cluster,
        sources=sources,
        totals=_totals(jobs, contents, unplaced, dask is not None, slurm is not None),
        jobs=tuple(jobs),
        unplaced_workers=running.in_workers(sorted(unplaced, key=lambda worker: natural_key(worker.name))),
        findings=(),
        worker_events=None if reported is None else ended_workers,
        work=work,
    )


def _jobs_by_id(slurm: SlurmReading | None) -> tuple[dict[str, QueuedJob], dict[str, EndedJob]]:
    """Return the jobs in the queue and those that have ended; of several with one id, the first."""
    queued: dict[str, QueuedJob] = {}
    ended: dict[str, EndedJob] = {}
    if slurm is not None:
        for job in slurm.jobs:
            queued.setdefault(job.job_id, job)
        for end in slurm.ended:
            ended.setdefault(end.job.job_id, end)
    return queued, ended


def _jobs_without_workers(
    dask: DaskReading | None,
    slurm: SlurmReading | None,
    sources: tuple[Source, ...],
    queued: Mapping[str, QueuedJob],
    ended: Mapping[str, EndedJob],
) -> set[str]:
    """Return the jobs whose workers must be gone: SLURM was read after the scheduler stopped answering.

    While the scheduler answers, its list of workers is kept, even for jobs that have ended. The two readings are
    compared by this host's clock, since SLURM's may differ.
    """
    if not fails(sources, "dask") or dask is None or slurm is None or slurm.taken_at <= dask.taken_at:
        return set()
    states = {job_id: read_state(job.state) for job_id, job in queued.items()}
    over = {job_id for job_id, state in states.items() if state.has_ended or state.is_waiting}
    return over | (ended.keys() - queued.keys())


def _totals(
    jobs: list[Job],
    contents: Mapping[str, JobContents],
    unplaced: Sequence[Worker],
    dask_answered: bool,
    slurm_answered: bool,
) -> Totals:
    cluster_jobs = [job for job in jobs if job.evidence]
    running = [job for job in cluster_jobs if read_state(job.state).is_running]
    with_workers = [in_job for in_job in contents.values() if in_job.workers]
    workers = sum(in_job.workers for in_job in with_workers) + len(unplaced)
    threads = [in_job.threads for in_job in with_workers] + [worker.nthreads for worker in unplaced]
    busy = [in_job.threads_busy for in_job in with_workers]
    busy += [threads_busy(worker.executing, worker.nthreads) for worker in unplaced]
    jobs_are_known = slurm_answered and (dask_answered or bool(cluster_jobs))
    used_cpu = [worker.cpu_percent for worker in unplaced] + [
        job.used.cpu_percent if job.used.cpu_source else contents[job.job_id].cpu_percent for job in jobs
    ]
    used_memory = [worker.memory_bytes for worker in unplaced] + [
        job.used.memory_bytes if job.used.memory_source else contents[job.job_id].memory_bytes for job in jobs
    ]
    return Totals(
        jobs_running=len(running) if jobs_are_known else None,
        jobs_pending=sum(read_state(job.state).is_waiting for job in cluster_jobs) if jobs_are_known else None,
        workers=workers if dask_answered else None,
        threads=sum_of_known(threads) if dask_answered else None,
        threads_busy=(sum_of_known(busy) if workers else 0) if dask_answered else None,
        cpus_allocated=sum_if_all_known(job.allocated.cpus for job in running) if jobs_are_known else None,
        cpu_percent=one_decimal(sum_of_known(used_cpu)),
        memory_allocated_bytes=sum_if_all_known(job.allocated.memory_bytes for job in running)
        if jobs_are_known
        else None,
        memory_bytes=sum_of_known(used_memory),
    )
