"""Parse what a job's batch script requests of SLURM, and the limits of the dask workers that it starts. Pure.

Options on sbatch's command line are not in the script, so what is missing here is unknown.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.sums import sum_if_all_known
from dasktop.collectors.sources.slurm.script_text import Option, directives, options
from dasktop.collectors.sources.slurm.script_workers import JobEnvironment, WorkerCommand, dask_commands
from dasktop.collectors.sources.slurm.values import duration_seconds, size_bytes, whole_number

_MEMORY = re.compile(r"([0-9]+)([KMGT]?)B?", re.ASCII | re.IGNORECASE)
_LIMIT = re.compile(r"([0-9]{1,18}(?:\.([0-9]{1,18}))?) ?([kKMGTP]?)(i?)(B?)", re.ASCII)
_POWERS = " KMGTP"


class Quantity(Record, frozen=True, kw_only=True):
    """An amount in a script."""

    words: str
    """The option in the script: ``--mem=15G``. Not cleaned."""
    value: int | None
    """For the whole job, in CPUs, bytes, seconds, …; ``None``: unknown."""
    step: float = 0
    """The possible rounding: 1 GiB for ``--mem=15G``, 0.01 GiB for ``3.73GiB``, 0 for ``2GiB``."""
    is_none: bool = False
    """Whether the script sets no limit: ``--memory-limit 0``."""
    times_set: int = 1
    """How often the script sets the option; the last one counts. Known for ``--mem`` and ``--mem-per-cpu``."""


class ScriptRequest(Record, frozen=True, kw_only=True):
    """What a script requests; ``None``: not in the script."""

    tasks: Quantity | None
    cpus: Quantity | None
    memory: Quantity | None
    """For the job, in bytes."""
    time_limit: Quantity | None
    """In seconds."""
    starts_workers: bool
    tasks_started: int | None
    """SLURM tasks that start workers; without ``srun``, only the batch script itself."""
    processes: Quantity | None
    """Workers of the job."""
    nthreads: Quantity | None
    """For each worker."""
    memory_limit: Quantity | None
    """For each worker, in bytes."""


def parse_request(text: str, step_tasks: int | None = None) -> ScriptRequest:
    """Parse a script.

    Parameters
    ----------
    text
        The script.
    step_tasks
        The number of tasks that its ``srun`` has started, from SLURM. Until then, the script's ``#SBATCH`` lines are
        used, although options on sbatch's command line may override them.
    """
    sbatch_options = directives(text)
    nodes = _last(sbatch_options, "--nodes", "-N")
    node_count = 1 if nodes is None else whole_number(nodes.value)
    tasks = _tasks(sbatch_options, node_count)
    commands = dask_commands(text, JobEnvironment(tasks=step_tasks or (tasks.value if tasks is not None else None)))
    worker_commands = tuple(commands.workers)
    counts = [command.tasks for command in worker_commands]
    cpus = _cpus(sbatch_options, tasks)
    return ScriptRequest(
        tasks=tasks,
        cpus=cpus,
        memory=_memory(sbatch_options, node_count, cpus.value if cpus else None),
        time_limit=_time_limit(sbatch_options),
        starts_workers=bool(worker_commands),
        tasks_started=sum_if_all_known(counts) if worker_commands else None,
        processes=_processes(worker_commands, commands.count),
        nthreads=_of_each(worker_commands, _plain_number, "--nthreads"),
        memory_limit=_of_each(worker_commands, read_memory_limit, "--memory-limit"),
    )


def read_memory_limit(option: Option) -> Quantity:
    """Parse a worker's ``--memory-limit`` as dask does: ``4.00GB`` is decimal, ``3.73GiB`` binary, a number is bytes.

    ``auto``, ``0`` (no limit) and a fraction of the host (``0.5``) have no value.
    """
    match = _LIMIT.fullmatch(option.value)
    is_none = match is not None and float(match[1]) == 0
    if match is None or not (match[3] or match[5] or match[2] is None):
        return Quantity(words=option.words, value=None, is_none=is_none)
    unit = (1024 if match[4] else 1000) ** max(0, _POWERS.find(match[3].upper() or " "))
    value = int(float(match[1]) * unit)
    step = unit / 10 ** len(match[2]) if match[2] else 0
    return Quantity(words=option.words, value=value or None, step=step, is_none=is_none)


def _tasks(sbatch_options: Sequence[str], nodes: int | None) -> Quantity | None:
    if (total := _last(sbatch_options, "--ntasks", "-n")) is not None:
        return _plain_number(total)
    if (on_each := _last(sbatch_options, "--ntasks-per-node")) is None:
        return None
    each = whole_number(on_each.value)
    return Quantity(words=on_each.words, value=each * nodes if each and nodes else None)


def _cpus(sbatch_options: Sequence[str], tasks: Quantity | None) -> Quantity | None:
    """Return the CPUs: CPUs per task (default 1) times tasks (default 1)."""
    of_task = _last(sbatch_options, "--cpus-per-task", "-c")
    if of_task is None and tasks is None:
        return None
    each = 1 if of_task is None else whole_number(of_task.value)
    number_of_tasks = 1 if tasks is None else tasks.value
    words = " × ".join(part.words for part in (tasks, of_task) if part is not None)
    if of_task is not None and number_of_tasks == 1:
        words = of_task.words
    return Quantity(words=words, value=each * number_of_tasks if each and number_of_tasks else None)


def _memory(sbatch_options: Sequence[str], nodes: int | None, cpus: int | None) -> Quantity | None:
    of_node, of_cpu = _last(sbatch_options, "--mem"), _last(sbatch_options, "--mem-per-cpu")
    option, times = (of_node, nodes) if of_node is not None else (of_cpu, cpus)
    if option is None:
        return None
    times_set = len(options(sbatch_options, "--mem" if of_node is not None else "--mem-per-cpu"))
    match = _MEMORY.fullmatch(option.value)
    each = size_bytes(match[1] + match[2].upper(), default_unit="M") if match else None
    if match is None or not each or not times:  # ``--mem=0`` requests all memory of a node
        return Quantity(words=option.words, value=None, times_set=times_set)
    step = 1024 ** _POWERS.index(match[2].upper() or "M")
    return Quantity(words=option.words, value=each * times, step=step, times_set=times_set)


def _time_limit(sbatch_options: Sequence[str]) -> Quantity | None:
    option = _last(sbatch_options, "--time", "-t")
    if option is None:
        return None
    minutes = whole_number(option.value)  # a bare number is in minutes
    seconds = duration_seconds(option.value) if minutes is None else 60 * minutes
    return Quantity(words=option.words, value=seconds or None)


def _processes(worker_commands: Sequence[WorkerCommand], count: int | None) -> Quantity | None:
    each = []
    for command in worker_commands:
        option = _last(command.words, "--nworkers", "--nprocs")
        default = "one per GPU" if command.kind == "cuda" else "1 by default"
        words = option.words if option is not None else default
        each.append(words if command.tasks == 1 else f"{command.tasks or '?'} tasks × {words}")
    return Quantity(words=_joined(each), value=count) if worker_commands else None


def _of_each(
    worker_commands: Sequence[WorkerCommand], read: Callable[[Option], Quantity], *names: str
) -> Quantity | None:
    """Read an option of the workers; it has a value if it is the same for all."""
    found = [option for command in worker_commands if (option := _last(command.words, *names)) is not None]
    quantities = {quantity.value: quantity for quantity in map(read, found)}
    if len(quantities) == 1 and len(found) == len(worker_commands):
        return next(iter(quantities.values()))
    return Quantity(words=_joined([option.words for option in found]), value=None) if found else None


def _plain_number(option: Option) -> Quantity:
    return Quantity(words=option.words, value=whole_number(option.value) or None)


def _last(words: Sequence[str], *names: str) -> Option | None:
    """Return the last occurrence of an option, which takes precedence."""
    found = options(words, *names)
    return found[-1] if found else None


def _joined(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))
