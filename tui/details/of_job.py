"""The details of a job: why it waits or how it ended, its usage, times, resources and owner. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, is_pending, workers_of
from dasktop.collectors.model.queries import Answer, Question
from dasktop.collectors.model.snapshot import Job, Snapshot, UseSource
from dasktop.collectors.model.sums import sum_if_all_known, sum_of_known
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.text.format import counted, plain_duration, whole_minutes
from dasktop.tui.details.evidence import EVIDENCE_WORDS
from dasktop.tui.details.of_pending_job import NO_ANSWERS, waiting_entries
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.prose import Entry, Fact, Section, Trend, Words
from dasktop.tui.draw.times import local, moment, zone
from dasktop.tui.view.both_figures import cpu_of_both, memory_of_both
from dasktop.tui.view.cell_values import memory_role
from dasktop.tui.view.ended_jobs import cpu_percent, ran_seconds
from dasktop.tui.view.history import Past
from dasktop.tui.view.left_workers import left_counts, left_workers, total_cost
from dasktop.tui.view.workers import processing_text, status_words, statuses

_MOST_NODES = 24


def job_sections(
    job: Job,
    snapshot: Snapshot,
    past: Past,
    answers: Mapping[Question, Answer] = NO_ANSWERS,
    thresholds: Thresholds = DEFAULTS,
) -> list[Section]:
    """Return the sections, the most important first; `answers` to `questions_about`, as far as they have arrived."""
    now = snapshot.taken_at
    sections = []
    if has_ended(job):
        sections.append(Section("ENDED", [*_fate(job, now), *_its_workers(job, snapshot)]))
    elif is_pending(job):
        sections.append(Section("PENDING", list(waiting_entries(job, now, answers))))
    else:
        sections.append(Section("USAGE", list(_use(job, past, thresholds))))
    return [
        *sections,
        Section(f"TIMES ({zone(now)})", list(_times(job, now))),
        Section("REQUESTED" if is_pending(job) else "ALLOCATION", list(_allocation(job))),
        Section("OWNER", list(_owner(job, snapshot))),
    ]


def _fate(job: Job, now: datetime) -> Iterator[Entry]:
    fate = job.fate
    if fate is None:
        yield Fact("how", f"{job.state}; no details from accounting yet")
        return
    is_plain = read_state(fate.state).is_completed or read_state(fate.state).is_cancelled
    yield Fact("how", fate.explanation, "text" if is_plain else "bad")
    yield Fact("state", fate.state)
    yield Fact("when", moment(fate.ended_at, now))
    if (ran := ran_seconds(job)) is not None:
        yield Fact("ran", plain_duration(ran) + _cpu_time(job))
    if fate.exit_code is not None:
        yield Fact("exit code", str(fate.exit_code))
    if fate.signal:
        yield Fact("signal", str(fate.signal))
    allocated = figures.bytes_text(job.allocated.memory_bytes)
    yield Fact("peak memory", f"{figures.bytes_text(fate.max_rss_bytes)} resident, largest task; {allocated} allocated")


def _its_workers(job: Job, snapshot: Snapshot) -> Iterator[Entry]:
    """Yield how many of an ended job's workers left how, and what that cost; nothing if none is known."""
    ends = [end for end in left_workers(snapshot) if end.job_id == job.job_id]
    if ends:
        cost = total_cost(ends)
        yield Fact("workers", f"{len(ends):,} left: {left_counts(ends)}" + (f"; {cost}" if cost else ""))


def _cpu_time(job: Job) -> str:
    """Return the CPU time of an ended job, as a share of what it was allocated; empty if SLURM does not know it."""
    used, cpus = job.fate.cpu_seconds if job.fate is not None else None, job.allocated.cpus
    if used is None:
        return ""
    percent = cpu_percent(job)
    share = "" if percent is None or cpus is None else f", {figures.percent_text(percent)} of {counted(cpus, 'CPU')}"
    return f"; {plain_duration(used)} of CPU time{share}"


def _use(job: Job, past: Past, thresholds: Thresholds) -> Iterator[Entry]:
    cpus, memory = job.allocated.cpus, job.allocated.memory_bytes
    workers = workers_of(job)
    cpu_share = figures.share(job.used.cpu_percent, None if cpus is None else 100 * cpus)
    memory_share = figures.share(job.used.memory_bytes, memory)
    role = memory_role(memory_share, thresholds)
    yield Trend(
        "CPU",
        past.cpu_percent,
        None if cpus is None else 100 * cpus,
        f"{figures.percent_text(cpu_share):>4} of {figures.UNKNOWN if cpus is None else counted(cpus, 'CPU')}"
        + _source(job.used.cpu_source),
        "cpu",
    )
    if both := cpu_of_both(job):
        yield Fact("", both)
    if job.used.cpu_source == "slurm":
        other = (job.used.cpu_percent or 0.0) - sum(worker.cpu_percent or 0.0 for worker in workers)
        yield Fact("", f"about {other / 100:.1f} cores used by processes other than its dask workers (SLURM)")
    yield Trend(
        "memory",
        past.memory_bytes,
        memory,
        f"{figures.percent_text(memory_share):>4} of {figures.bytes_text(memory)}{_source(job.used.memory_source)}",
        role,
    )
    if both := memory_of_both(job):
        read_at = job.used.slurm_read_at
        yield Fact("", both + ("" if read_at is None else f" at {local(read_at):%H:%M}"))
    if job.used.memory_source == "slurm":
        yield Fact("", "SLURM counts all processes of the job, dask only its workers")
    expected = "" if job.workers_expected is None else f" of {figures.count(job.workers_expected)} expected"
    is_known = bool(workers) or job.used.threads_busy is not None
    is_short = is_known and job.workers_expected is not None and len(workers) < job.workers_expected
    number = figures.count(len(workers)) if is_known else figures.UNKNOWN
    yield Fact("workers", f"{number}{expected}", "waiting" if is_short else "text")
    if any(status_words(worker) != "running" for worker in workers):
        yield Fact("", statuses(workers))
    threads = sum_if_all_known(worker.nthreads for worker in workers) if is_known else None
    yield Fact("threads", f"{figures.count(job.used.threads_busy)} busy of {figures.count(threads)}")
    yield Fact("processing", processing_text(workers))
    yield Fact("results", figures.count(sum_of_known(worker.stored for worker in workers)))


def _source(source: UseSource | None) -> str:
    return " (SLURM)" if source == "slurm" else ""


def _times(job: Job, now: datetime) -> Iterator[Entry]:
    yield Fact("submitted", moment(job.submitted_at, now))
    if is_pending(job):
        if job.submitted_at is not None:
            yield Fact("waits for", whole_minutes((now - job.submitted_at).total_seconds()))
    else:
        waited = ""
        if job.submitted_at is not None and job.started_at is not None:
            waited = f", after waiting {whole_minutes((job.started_at - job.submitted_at).total_seconds())}"
        yield Fact("started", moment(job.started_at, now) + waited)
    if not has_ended(job) and not is_pending(job):
        yield Fact("ends", f"{moment(job.ends_at, now)} at the latest" if job.ends_at else figures.UNKNOWN)
        yield Fact("left", figures.time_left(job.time_left_seconds))
    yield Fact("limit", figures.duration(job.time_limit_seconds))


def _allocation(job: Job) -> Iterator[Entry]:
    granted = job.allocated
    yield Fact("CPUs", figures.count(granted.cpus))
    yield Fact("memory", figures.bytes_text(granted.memory_bytes))
    if granted.gpus:
        yield Fact("GPUs", figures.count(granted.gpus))
    if is_pending(job) and (job.node_count or 1) > 1:
        yield Fact("nodes", f"at least {figures.count(job.node_count)}")
    if not is_pending(job):
        more = len(job.nodes) - _MOST_NODES
        nodes = " ".join(job.nodes[:_MOST_NODES]) + (f" and {figures.count(more)} more" if more > 0 else "")
        yield Fact("nodes", nodes or figures.UNKNOWN)
    yield Fact("partition", job.partition or figures.UNKNOWN)
    yield Fact("QOS", job.qos or figures.UNKNOWN)


def _owner(job: Job, snapshot: Snapshot) -> Iterator[Entry]:
    yield Fact("user", job.user or figures.UNKNOWN)
    yield Fact("account", job.account or figures.UNKNOWN)
    if job.array_job_id is not None:
        yield Fact("array", f"{job.array_job_id}; raw job id {job.job_id}")
    if job.het_job_id is not None:
        yield Fact("het job", f"component of {job.het_job_id}")
    cluster_object = snapshot.cluster.owner
    for name, job_id in (cluster_object.job_ids if cluster_object else {}).items():
        if job_id == job.job_id:
            yield Fact("known as", name)
    if job.scheduler_unknown:
        yield Fact("scheduler", "unknown: the script starts dask workers but does not name a scheduler")
    if job.evidence:
        yield Fact("matched by", "; ".join(EVIDENCE_WORDS[kind].of_job for kind in job.evidence))
    elif snapshot.cluster.scheduler_id is not None:
        yield Words("This job could not be matched to the cluster.")
