"""What a job's batch script asks SLURM for, and what it gives the dask workers that it starts. Pure.

What sbatch was told on its command line doesn't stand in a script, so all that is missing here is unknown.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from dasktop.collectors.model.snapshot import Record
from dasktop.collectors.model.sums import sum_if_all_known
from dasktop.collectors.sources.slurm.script_text import Option, directives, options
from dasktop.collectors.sources.slurm.script_workers import JobFacts, WorkerCommand, started_by
from dasktop.collectors.sources.slurm.values import duration_seconds, size_bytes, whole_number

_MEMORY = re.compile(r"([0-9]+)([KMGT]?)B?", re.ASCII | re.IGNORECASE)
_LIMIT = re.compile(r"([0-9]{1,18}(?:\.([0-9]{1,18}))?) ?([kKMGTP]?)(i?)(B?)", re.ASCII)
_POWERS = " KMGTP"


class Figure(Record, frozen=True, kw_only=True):
    """A quantity that a script states."""

    words: str
    """As it stands there: ``--mem=15G``. Not cleaned."""
    value: int | None
    """In the whole job, in CPUs, bytes, seconds, …; ``None`` where the words don't say plainly."""
    step: float = 0
    """By how much it may have been rounded: ``--mem=15G`` by 1 GiB, ``3.73GiB`` by 0.01 GiB, ``2GiB`` not at all."""
    is_none: bool = False
    """Whether the words say that there is to be none: ``--memory-limit 0``."""


class ScriptRequest(Record, frozen=True, kw_only=True):
    """What a script asks for; ``None``: it doesn't say."""

    tasks: Figure | None
    cpus: Figure | None
    memory: Figure | None
    """Of the job, in bytes."""
    time_limit: Figure | None
    """In seconds."""
    starts_workers: bool
    tasks_started: int | None
    """SLURM tasks that start workers: without ``srun``, the batch script itself is the only one."""
    processes: Figure | None
    """Workers of the job."""
    nthreads: Figure | None
    """Of each worker."""
    memory_limit: Figure | None
    """Of each worker, in bytes."""


def parse_request(text: str, step_tasks: int | None = None) -> ScriptRequest:
    """Read a script.

    Parameters
    ----------
    text
        The script.
    step_tasks
        How many tasks SLURM says that its ``srun`` has started. Until it has, the script's own ``#SBATCH`` stands for
        it, although sbatch's command line may have said otherwise.
    """
    asked = directives(text)
    nodes = _last(asked, "--nodes", "-N")
    node_count = 1 if nodes is None else whole_number(nodes.value)
    tasks = _tasks(asked, node_count)
    start = started_by(text, JobFacts(tasks=step_tasks or (tasks.value if tasks is not None else None)))
    started = tuple(start.workers)
    counts = [command.tasks for command in started]
    cpus = _cpus(asked, tasks)
    return ScriptRequest(
        tasks=tasks,
        cpus=cpus,
        memory=_memory(asked, node_count, cpus.value if cpus else None),
        time_limit=_time_limit(asked),
        starts_workers=bool(started),
        tasks_started=sum_if_all_known(counts) if started else None,
        processes=_processes(started, start.count),
        nthreads=_of_each(started, _plain_number, "--nthreads"),
        memory_limit=_of_each(started, limit_figure, "--memory-limit"),
    )


def limit_figure(option: Option) -> Figure:
    """Read a worker's ``--memory-limit`` as dask does: ``4.00GB`` is decimal, ``3.73GiB`` binary, a number is bytes.

    ``auto``, ``0`` (no limit) and a share of the host (``0.5``) have no value.
    """
    match = _LIMIT.fullmatch(option.value)
    is_none = match is not None and float(match[1]) == 0
    if match is None or not (match[3] or match[5] or match[2] is None):
        return Figure(words=option.words, value=None, is_none=is_none)
    unit = (1024 if match[4] else 1000) ** max(0, _POWERS.find(match[3].upper() or " "))
    value = int(float(match[1]) * unit)
    step = unit / 10 ** len(match[2]) if match[2] else 0
    return Figure(words=option.words, value=value or None, step=step, is_none=is_none)


def _tasks(asked: Sequence[str], nodes: int | None) -> Figure | None:
    if (total := _last(asked, "--ntasks", "-n")) is not None:
        return _plain_number(total)
    if (on_each := _last(asked, "--ntasks-per-node")) is None:
        return None
    each = whole_number(on_each.value)
    return Figure(words=on_each.words, value=each * nodes if each and nodes else None)


def _cpus(asked: Sequence[str], tasks: Figure | None) -> Figure | None:
    """Return the CPUs: those of a task (else one) times the tasks (else one)."""
    of_task = _last(asked, "--cpus-per-task", "-c")
    if of_task is None and tasks is None:
        return None
    each = 1 if of_task is None else whole_number(of_task.value)
    number_of_tasks = 1 if tasks is None else tasks.value
    words = " × ".join(part.words for part in (tasks, of_task) if part is not None)
    if of_task is not None and number_of_tasks == 1:
        words = of_task.words
    return Figure(words=words, value=each * number_of_tasks if each and number_of_tasks else None)


def _memory(asked: Sequence[str], nodes: int | None, cpus: int | None) -> Figure | None:
    of_node, of_cpu = _last(asked, "--mem"), _last(asked, "--mem-per-cpu")
    option, times = (of_node, nodes) if of_node is not None else (of_cpu, cpus)
    if option is None:
        return None
    match = _MEMORY.fullmatch(option.value)
    each = size_bytes(match[1] + match[2].upper(), default_unit="M") if match else None
    if match is None or not each or not times:  # ``--mem=0`` asks for all that a node has
        return Figure(words=option.words, value=None)
    return Figure(words=option.words, value=each * times, step=1024 ** _POWERS.index(match[2].upper() or "M"))


def _time_limit(asked: Sequence[str]) -> Figure | None:
    option = _last(asked, "--time", "-t")
    if option is None:
        return None
    minutes = whole_number(option.value)  # a bare number counts minutes
    seconds = duration_seconds(option.value) if minutes is None else 60 * minutes
    return Figure(words=option.words, value=seconds or None)


def _processes(started: Sequence[WorkerCommand], count: int | None) -> Figure | None:
    each = []
    for command in started:
        told = _last(command.words, "--nworkers", "--nprocs")
        default = "one per GPU" if command.kind == "cuda" else "1 by default"
        words = told.words if told is not None else default
        each.append(words if command.tasks == 1 else f"{command.tasks or '?'} tasks × {words}")
    return Figure(words=_joined(each), value=count) if started else None


def _of_each(started: Sequence[WorkerCommand], read: Callable[[Option], Figure], *names: str) -> Figure | None:
    """Read an option of the workers; it has a value if all have the same."""
    found = [option for command in started if (option := _last(command.words, *names)) is not None]
    figures = {figure.value: figure for figure in map(read, found)}
    if len(figures) == 1 and len(found) == len(started):
        return next(iter(figures.values()))
    return Figure(words=_joined([option.words for option in found]), value=None) if found else None


def _plain_number(option: Option) -> Figure:
    return Figure(words=option.words, value=whole_number(option.value) or None)


def _last(words: Sequence[str], *names: str) -> Option | None:
    """Return an option as it counts: where it stands twice, the later one."""
    found = options(words, *names)
    return found[-1] if found else None


def _joined(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))
