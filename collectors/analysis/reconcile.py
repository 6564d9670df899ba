"""Two readings → one snapshot. Pure: no I/O, no clock; drops nothing that was read and marks what is inferred.

The one exception: `_jobs_without_workers` drops workers that a later reading of SLURM contradicts. `_WorkerPlacer`
decides by the evidence ladder (`snapshot.EVIDENCE_LADDER`) which job a worker belongs to.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.beyond_dask import OtherUse
from dasktop.collectors.analysis.outcome import explain
from dasktop.collectors.analysis.placement import PlaceVerifier, VerifiedPlace
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import threads_busy, workers_of
from dasktop.collectors.model.readings import (
    DaskReading,
    EndedJob,
    JobScript,
    QueuedJob,
    RecentlyEnded,
    Released,
    SlurmPlace,
    SlurmReading,
    Step,
    WorkerReading,
)
from dasktop.collectors.model.snapshot import (
    EVIDENCE_LADDER,
    SCHEMA_VERSION,
    Allocated,
    Cluster,
    Evidence,
    Job,
    Owner,
    Record,
    Snapshot,
    Source,
    Task,
    Totals,
    Used,
    Worker,
    WorkerEvent,
)
from dasktop.collectors.model.sums import sum_if_all_known, sum_of_known

NO_CLUSTER = Cluster(scheduler_address=None, scheduler_id=None, dask_version=None, task_counts=None, owner=None)

CLOCKS_DIFFER = timedelta(seconds=2)
"""SLURM gives whole seconds, by a clock that may differ a little."""

# dask-jobqueue up to 0.6 named workers dask-worker--<JOBID>---<i>.
_NAME_WITH_JOB_ID = re.compile(r"dask-worker--(\d+)---\d+")


def reconcile(
    dask: DaskReading | None,
    slurm: SlurmReading | None,
    sources: tuple[Source, ...],
    now: datetime,
    also_known_as: frozenset[str] = frozenset(),
    remembered: Mapping[str, tuple[Evidence, ...]] | None = None,
    released: Mapping[str, Released] | None = None,
    beyond: Mapping[str, OtherUse] | None = None,
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
        Evidence from earlier snapshots, by job id: an ended job has no worker and no owner left to show it.
    released
        What released jobs, by job id, where that is known.
    beyond
        What other programs use, by job id, where that is clearly measurable.
    """
    cluster = dask.cluster if dask else NO_CLUSTER
    queued, ended = _jobs_by_id(slurm)
    addresses = also_known_as | ({cluster.scheduler_address} if cluster.scheduler_address else set())
    scripts = _scripts_of_this_cluster(slurm.scripts if slurm else (), addresses)
    for found in _recently_ended_of_this_cluster(dask, slurm, addresses):
        job_id = found.end.job.job_id
        if job_id not in queued:
            ended.setdefault(job_id, found.end)
            scripts.setdefault(job_id, found.script)
    verifier = PlaceVerifier(queued, ended, slurm)
    of_unknown_scheduler = {
        script.job_id for script in (slurm.scripts if slurm else ()) if script.has_unknown_scheduler
    }
    placer = _WorkerPlacer(cluster.owner, queued, scripts)
    if dask is not None and dask.scheduler_place is not None:
        place = verifier.verify(dask.scheduler_place).place
        cluster = replace(cluster, scheduler_job_id=place.job_id if place is not None else None)

    placed: dict[str, list[_PlacedWorker]] = defaultdict(list)
    unplaced: list[Worker] = []
    for reading in _once_each(dask.workers if dask else ()):
        was_asked = reading.place_was_read or reading.place is not None
        verified = verifier.verify(reading.place, reading.started_at) if was_asked else VerifiedPlace()
        placed_worker = placer.place(reading, verified)
        if placed_worker is None:
            unplaced.append(_unplaced(reading.worker, verified))
        else:
            placed[placed_worker.job_id].append(placed_worker)

    job_ids_of_owner = set(cluster.owner.job_ids.values()) if cluster.owner else set()
    steps: dict[str, list[Step]] = defaultdict(list)
    for step in slurm.steps if slurm else ():
        steps[step.job_id].append(step)
    requeued = {end.job.job_id: end for end in (slurm.requeued if slurm else ())}
    emptied = _jobs_without_workers(dask, slurm, sources, queued, ended)

    jobs = []
    for job_id in sorted({*queued, *ended, *placed, *job_ids_of_owner}, key=_natural):
        evidence = {placed_worker.evidence for placed_worker in placed[job_id]}
        evidence |= {"environment"} if any(placed_worker.place for placed_worker in placed[job_id]) else set()
        evidence |= {"owner"} if job_id in job_ids_of_owner else set()
        evidence |= set((remembered or {}).get(job_id, ()))
        evidence |= {"job_script"} if _script_for(job_id, queued.get(job_id), scripts) else set()
        jobs.append(
            _job(
                queued.get(job_id) or (ended[job_id].job if job_id in ended else QueuedJob(job_id=job_id)),
                ended.get(job_id) if job_id not in queued else None,
                requeued.get(job_id),
                tuple(kind for kind in EVIDENCE_LADDER if kind in evidence),
                _tasks(() if job_id in emptied else placed[job_id], steps[job_id]),
                _workers_expected(job_id, job_ids_of_owner, cluster.owner, queued, scripts),
                job_id in of_unknown_scheduler and not evidence,
                dask is not None,
                now,
            )
        )

    jobs = [_with_other_programs(job, (beyond or {}).get(job.job_id)) for job in jobs]
    jobs = [_with_releaser(job, (released or {}).get(job.job_id)) for job in jobs]

    return Snapshot(
        schema_version=SCHEMA_VERSION,
        taken_at=now,
        cluster=cluster,
        sources=sources,
        totals=_totals(jobs, unplaced, dask is not None, slurm is not None),
        jobs=tuple(jobs),
        unplaced_workers=tuple(sorted(unplaced, key=lambda worker: _natural(worker.name))),
        findings=(),
        worker_events=_worker_events(dask, placed),
    )


def _with_other_programs(job: Job, beyond: OtherUse | None) -> Job:
    """Add what other programs use in a job, by SLURM's figures."""
    used = job.used
    if beyond is None or not read_state(job.state).is_running:
        return job
    if beyond.cpu_percent is not None:
        used = replace(used, cpu_percent=_round((used.cpu_percent or 0.0) + beyond.cpu_percent), cpu_source="slurm")
    if beyond.memory_bytes is not None and beyond.memory_bytes > (used.memory_bytes or 0):
        used = replace(used, memory_bytes=beyond.memory_bytes, memory_source="slurm")
    return replace(job, used=used)


def _with_releaser(job: Job, released: Released | None) -> Job:
    """Set what released a job, if SLURM only knows that its user cancelled it."""
    fate = job.fate
    if released is None or fate is None or not read_state(fate.state).is_cancelled:
        return job
    if fate.cancelled_by not in (None, job.user):
        return job
    if released.not_before and fate.ended_at and fate.ended_at < released.not_before - CLOCKS_DIFFER:
        return job
    detail = f" ({released.detail})" if released.detail else ""
    late = " before it started" if job.started_at is None else ""
    explanation = f"released by {'the ' if released.by != 'dasktop' else ''}{released.by}{detail}{late}"
    return replace(job, fate=replace(fate, released_by=released.by, explanation=explanation))


def _worker_events(
    dask: DaskReading | None, placed: Mapping[str, Iterable["_PlacedWorker"]]
) -> tuple[WorkerEvent, ...] | None:
    """Return the events with their jobs, found by worker name: a nanny's next worker has the same name."""
    if dask is None or dask.worker_events is None:
        return None
    job_ids = {placed_worker.worker.name: job_id for job_id, in_job in placed.items() for placed_worker in in_job}
    return tuple(replace(event, job_id=job_ids.get(event.worker or "")) for event in dask.worker_events)


class _PlacedWorker(Record, frozen=True, kw_only=True):
    """A worker and its job."""

    job_id: str
    place: SlurmPlace | None
    worker: Worker
    evidence: Evidence


def _unplaced(worker: Worker, verified: VerifiedPlace) -> Worker:
    return replace(
        worker,
        evidence=None,
        outside_slurm=verified.outside_slurm,
        inherited_job_id=verified.inherited_job_id,
        place_note=verified.note,
    )


class _WorkerPlacer:
    """Finds the job of a worker by the evidence ladder."""

    def __init__(self, owner: Owner | None, queued: Mapping[str, QueuedJob], scripts: Mapping[str, JobScript]) -> None:
        self._job_of_owner = owner.job_ids if owner else {}
        arrays = {job.array_job_id for job in queued.values()}  # one script for many jobs: a name in it identifies none
        self._job_of_script_name = _unambiguous(
            (name, job_id)
            for job_id, script in scripts.items()
            if job_id in queued and job_id not in arrays
            for name in script.worker_names
        )
        self._running = {job_id for job_id, job in queued.items() if read_state(job.state).is_running}
        self._job_of_host = _unambiguous(
            (_short(node), job_id) for job_id in self._running for node in queued[job_id].nodes
        )

    def place(self, reading: WorkerReading, verified: VerifiedPlace) -> _PlacedWorker | None:
        """Return the worker with its job, or ``None`` if nothing links it to a job.

        What the process reports and SLURM confirms decides where the worker is. The evidence is ``owner`` if the
        owner's map agrees. For workers that report nothing, such as those in a container with a clean environment, the
        owner's map alone decides.
        """
        name, place = reading.worker.name, verified.place
        job_of_owner = _by_worker_name(self._job_of_owner, name)
        if place is not None:
            return self._placed(
                reading, place, place.job_id, "owner" if job_of_owner == place.job_id else "environment"
            )
        if job_of_owner is not None:
            return self._placed(reading, None, job_of_owner, "owner")
        if (job_id := _by_worker_name(self._job_of_script_name, name)) is not None:
            return self._placed(reading, None, job_id, "job_script")
        if (match := _NAME_WITH_JOB_ID.fullmatch(name)) and match[1] in self._running:
            return self._placed(reading, None, match[1], "name")
        if not reading.place_was_read and reading.worker.host is not None:
            job_id = self._job_of_host.get(_short(reading.worker.host))
            if job_id is not None:
                return self._placed(reading, None, job_id, "host")
        return None

    @staticmethod
    def _placed(reading: WorkerReading, place: SlurmPlace | None, job_id: str, evidence: Evidence) -> _PlacedWorker:
        worker = replace(reading.worker, evidence=evidence, outside_slurm=False)
        return _PlacedWorker(job_id=job_id, place=place, worker=worker, evidence=evidence)


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
    is_failing = any(source.name == "dask" and source.state in ("stale", "error") for source in sources)
    if not is_failing or dask is None or slurm is None or slurm.taken_at <= dask.taken_at:
        return set()
    states = {job_id: read_state(job.state) for job_id, job in queued.items()}
    over = {job_id for job_id, state in states.items() if state.has_ended or state.is_waiting}
    return over | (ended.keys() - queued.keys())


def _once_each(workers: Iterable[WorkerReading]) -> Iterable[WorkerReading]:
    """Return each worker once, by address; of several readings, the first."""
    return {reading.worker.address: reading for reading in reversed(tuple(workers))}.values()


def _recently_ended_of_this_cluster(
    dask: DaskReading | None, slurm: SlurmReading | None, addresses: frozenset[str]
) -> Iterable[RecentlyEnded]:
    """Return the jobs whose scripts start workers for this scheduler and that ended after it started.

    A job that ended earlier belonged to another scheduler with the same address or file.
    """
    started_at = dask.scheduler_started_at if dask else None
    lately = slurm.recently_ended if slurm else ()
    matching = _scripts_of_this_cluster((found.script for found in lately), addresses)
    return tuple(
        found
        for found in lately
        if found.end.job.job_id in matching
        and started_at is not None
        and found.end.ended_at is not None
        and found.end.ended_at >= started_at
    )


def _scripts_of_this_cluster(scripts: Iterable[JobScript], addresses: frozenset[str]) -> dict[str, JobScript]:
    """Return the scripts that start workers for this scheduler, by job id."""
    return {
        script.job_id: script
        for script in scripts
        if not addresses.isdisjoint(script.scheduler_addresses) or not addresses.isdisjoint(script.scheduler_files)
    }


def _script_for(job_id: str, job: QueuedJob | None, scripts: Mapping[str, JobScript]) -> JobScript | None:
    """Return a job's script; the jobs of an array share one script."""
    return scripts.get(job_id) or (scripts.get(job.array_job_id) if job and job.array_job_id else None)


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the pairs as a dictionary, without keys that have several values."""
    values: dict[str, set[str]] = defaultdict(set)
    for key, value in pairs:
        values[key].add(value)
    return {key: value for key, (value, *others) in values.items() if not others}


def _by_worker_name(jobs: Mapping[str, str], name: str) -> str | None:
    """Look up a worker's job: with several processes per job, the worker's name is the job's with ``-<i>`` added."""
    if name in jobs:
        return jobs[name]
    stem, dash, number = name.rpartition("-")
    return jobs.get(stem) if dash and number.isdecimal() else None


def _short(host: str) -> str:
    """Return a host name without its domain; an IP address unchanged."""
    return host if host.replace(".", "").isdecimal() or ":" in host else host.partition(".")[0]


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts ``n2`` before ``n10``."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text))


def _workers_expected(
    job_id: str,
    job_ids_of_owner: set[str],
    owner: Owner | None,
    queued: Mapping[str, QueuedJob],
    scripts: Mapping[str, JobScript],
) -> int | None:
    if owner is not None and job_id in job_ids_of_owner and owner.processes_per_job is not None:
        return owner.processes_per_job
    script = _script_for(job_id, queued.get(job_id), scripts)
    return script.workers_expected if script else None


def _tasks(placed: Iterable[_PlacedWorker], steps: Iterable[Step]) -> tuple[Task, ...]:
    """Return the SLURM tasks of a job: those of its steps, and those that workers report."""
    tasks: dict[tuple[str | None, int | None], Task] = {}
    workers: dict[tuple[str | None, int | None], list[Worker]] = defaultdict(list)
    for step in steps:
        if step.step_id != "extern":  # SLURM's own step: neither the batch script nor srun runs in it
            for task in _tasks_of_step(step):
                tasks[task.step_id, task.task_id] = task
    # A worker that could not be asked runs in one of the job's tasks; if there is only one, in that one.
    unknown: tuple[str | None, int | None] = next(iter(tasks)) if len(tasks) == 1 else (None, None)
    for placed_worker in placed:
        place = placed_worker.place
        key = (place.step_id, place.task_id) if place else unknown
        known = tasks.get(key) or Task(step_id=key[0], task_id=key[1], node=None, pid=None)
        if place is not None:
            known = replace(known, node=place.node or known.node, pid=place.task_pid or known.pid)
        tasks[key] = known
        workers[key].append(placed_worker.worker)
    return tuple(
        replace(tasks[key], workers=tuple(sorted(workers[key], key=lambda worker: _natural(worker.name))))
        for key in sorted(tasks, key=_task_order)
    )


def _tasks_of_step(step: Step) -> Iterable[Task]:
    """Yield the tasks of a step. Node and pid of a task are known only if the step has one of them."""
    count = step.ntasks or 0
    for task_id in range(count):
        yield Task(
            step_id=step.step_id,
            task_id=task_id,
            node=step.nodes[0] if len(step.nodes) == 1 else None,
            pid=step.pids[0] if len(step.pids) == count == 1 else None,
            max_rss_bytes=step.max_rss_bytes,
            cpu_seconds=step.cpu_seconds,
        )


def _task_order(key: tuple[str | None, int | None]) -> tuple[bool, tuple[tuple[int, int, str], ...], int]:
    """Return a sort key: numbered steps first, then ``batch``, unknown ones last."""
    step_id, task_id = key
    return step_id is None, _natural(step_id or ""), -1 if task_id is None else task_id


def _job(
    job: QueuedJob,
    end: EndedJob | None,
    previous_end: EndedJob | None,
    evidence: tuple[Evidence, ...],
    tasks: tuple[Task, ...],
    workers_expected: int | None,
    scheduler_unknown: bool,
    dask_answered: bool,
    now: datetime,
) -> Job:
    workers = [worker for task in tasks for worker in task.workers]
    left_seconds = (
        int((job.ends_at - now).total_seconds()) if job.ends_at and read_state(job.state).is_running else None
    )
    return Job(
        job_id=job.job_id,
        array_job_id=job.array_job_id,
        array_task_id=job.array_task_id,
        het_job_id=job.het_job_id,
        name=job.name,
        user=job.user,
        account=job.account,
        partition=job.partition,
        qos=job.qos,
        state=job.state,
        reason=job.reason,
        nodes=job.nodes,
        required_nodes=job.required_nodes,
        required_features=job.required_features,
        submitted_at=job.submitted_at,
        started_at=job.started_at,
        expected_start_at=job.expected_start_at,
        ends_at=job.ends_at,
        time_limit_seconds=job.time_limit_seconds,
        time_left_seconds=None if left_seconds is None else max(0, left_seconds),
        allocated=Allocated(cpus=job.cpus, memory_bytes=job.memory_bytes, gpus=job.gpus),
        used=Used(
            cpu_percent=_round(sum_of_known(worker.cpu_percent for worker in workers)),
            memory_bytes=sum_of_known(worker.memory_bytes for worker in workers),
            threads_busy=_threads_busy(workers) if dask_answered else None,
        ),
        workers_expected=workers_expected,
        evidence=evidence,
        scheduler_unknown=scheduler_unknown,
        fate=explain(end) if end is not None else None,
        previous_fate=explain(previous_end) if previous_end is not None else None,
        tasks=tasks,
    )


def _totals(jobs: list[Job], unplaced: list[Worker], dask_answered: bool, slurm_answered: bool) -> Totals:
    cluster_jobs = [job for job in jobs if job.evidence]
    running = [job for job in cluster_jobs if read_state(job.state).is_running]
    workers = [worker for job in jobs for task in job.tasks for worker in task.workers] + unplaced
    jobs_are_known = slurm_answered and (dask_answered or bool(cluster_jobs))
    used_cpu = [worker.cpu_percent for worker in unplaced] + [
        cpu
        for job in jobs
        for cpu in ([job.used.cpu_percent] if job.used.cpu_source else [w.cpu_percent for w in workers_of(job)])
    ]
    used_memory = [worker.memory_bytes for worker in unplaced] + [
        memory
        for job in jobs
        for memory in ([job.used.memory_bytes] if job.used.memory_source else [w.memory_bytes for w in workers_of(job)])
    ]
    return Totals(
        jobs_running=len(running) if jobs_are_known else None,
        jobs_pending=sum(read_state(job.state).is_waiting for job in cluster_jobs) if jobs_are_known else None,
        workers=len(workers) if dask_answered else None,
        threads=sum_of_known(worker.nthreads for worker in workers) if dask_answered else None,
        threads_busy=_threads_busy(workers) if dask_answered else None,
        cpus_allocated=sum_if_all_known(job.allocated.cpus for job in running) if jobs_are_known else None,
        cpu_percent=_round(sum_of_known(used_cpu)),
        memory_allocated_bytes=sum_if_all_known(job.allocated.memory_bytes for job in running)
        if jobs_are_known
        else None,
        memory_bytes=sum_of_known(used_memory),
    )


def _threads_busy(workers: list[Worker]) -> int | None:
    """Return how many threads of these workers run a task, as far as known; 0 without workers."""
    return sum_of_known(threads_busy(worker.executing, worker.nthreads) for worker in workers) if workers else 0


def _round(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 1)
