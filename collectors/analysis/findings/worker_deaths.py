"""The rule for workers that died in running jobs: by a signal, an error, or for an unknown reason."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from dasktop.collectors.analysis.findings.rule import DASK, PendingFinding, RuleContext, rule
from dasktop.collectors.analysis.worker_end import AFTER, BEFORE, UNEXPLAINED
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.snapshot import Job, WorkerEvent
from dasktop.collectors.text.format import counted, listed, plain_duration

WITHOUT_REASON_SECONDS = 60.0
"""SLURM reports the end of a job up to this late, and logs are read at some of its polls."""
_OUT_OF_MEMORY = "signal 9"
_BY_SLURM = "signal 15"
"""SLURM sends it to the processes of a job that it ends."""


@rule("worker-died", order=117, needs=(DASK,), harm="lost")
def worker_died(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield one finding for all workers that died recently though their jobs run, and that nobody restarted.

    Other findings report the ends of jobs, and kills by nannies because of memory.
    """
    window = context.thresholds.worker_killed_seconds
    deaths = _deaths(context, window)
    if not deaths:
        return
    last = deaths[-1]
    names = sorted({event.worker for event in deaths if event.worker is not None})
    if len(deaths) == 1:
        subject = f"worker {names[0]} died" if names else "a worker died"
    else:
        subject = f"{counted(len(deaths), 'worker')} died within {plain_duration(int(window))}"
        subject += f" ({listed(names)})" if names else ""
    reason = "for an unknown reason" if last.reason in UNEXPLAINED else last.reason or ""
    assigned = [event.tasks_interrupted for event in deaths if event.tasks_interrupted is not None]
    tasks = _tasks(sum(assigned), "it" if len(deaths) == 1 else "them") if assigned else ""
    advice = "see the log of its job"
    if any(_OUT_OF_MEMORY in (event.reason or "") for event in deaths):
        advice += "; signal 9 often means that the job had no memory left: request more, or set --memory-limit"
    yield PendingFinding(
        severity="warning",
        message=f"{subject}{', the last' if len(deaths) > 1 else ''}: {reason}{tasks}",
        advice=advice,
        about="died",
        job_ids=tuple(dict.fromkeys(event.job_id for event in deaths if event.job_id is not None)),
        workers=tuple(names),
        since=deaths[0].at,
    )


def _tasks(assigned: int, to: str) -> str:
    """Return ``; 3 tasks were assigned to it``. What became of them is not known: some may have failed."""
    return f"; {counted(assigned, 'task')} {'was' if assigned == 1 else 'were'} assigned to {to}"


def _deaths(context: RuleContext, window_seconds: float) -> Sequence[WorkerEvent]:
    """Return the deaths, oldest first; one without a reason only after the time in which a reason may be found."""
    events = context.snapshot.worker_events or ()
    of_address: dict[str | None, list[WorkerEvent]] = defaultdict(list)
    for event in events:
        if event.kind in ("killed for memory", "restarted"):
            of_address[event.address].append(event)
    jobs = {job.job_id: job for job in context.snapshot.jobs} if events else {}
    found = []
    for event in events:
        age_seconds = (context.now - event.at).total_seconds()
        if event.kind != "removed" or event.reason in (None, "expected") or age_seconds > window_seconds:
            continue
        if event.reason.startswith("job "):  # its job ended; another one may have a worker of the same name by now
            continue
        # The end of its job may have ended it: adaptive scaling cancels jobs whose workers have just started.
        may_be_job_end = event.reason == "unexpected" or _BY_SLURM in event.reason
        if may_be_job_end and (age_seconds < WITHOUT_REASON_SECONDS or event.job_id is None):
            continue
        near = (one for one in of_address[event.address] if _is_near(one, event))
        if event.address is not None and not any(near) and _ran_on(jobs.get(event.job_id or ""), event):
            found.append(event)
    return found


def _is_near(cause: WorkerEvent, removal: WorkerEvent) -> bool:
    return removal.at - BEFORE <= cause.at <= removal.at + AFTER


def _ran_on(job: Job | None, event: WorkerEvent) -> bool:
    """Return whether a worker's job still runs, or it was in no known job."""
    if job is None:
        return event.job_id is None
    is_same_run = job.started_at is None or event.at >= job.started_at
    return read_state(job.state).is_running and is_same_run
