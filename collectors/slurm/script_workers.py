"""Which commands of a batch script start dask workers, how often, and with which arguments. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dasktop.collectors.slurm.script_text import commands, directives, values
from dasktop.collectors.slurm.values import whole_number

_WORKER_PROGRAMS = frozenset({"dask-worker", "dask-cuda-worker", "dask-spec"})
_WORKER_MODULES = frozenset(
    {"distributed.cli.dask_worker", "distributed.cli.dask_spec", "dask_cuda.cli.dask_cuda_worker"}
)
_WORKER_SUBCOMMANDS = (("worker",), ("spec",), ("spawn",), ("cuda", "worker"))

# Words in front of which a worker's name is only mentioned.
_MENTIONS = frozenset(
    {"echo", "printf", "export", "module", "pip", "conda", "which", "command", "pkill", "killall", "-J", "--job-name"}
)
_LOOPS = frozenset({"for", "while", "until"})
_OTHER_LAUNCHERS = frozenset({"mpirun", "mpiexec", "parallel", "xargs", "ibrun", "aprun", "jsrun"})
_TASKS = ("--ntasks", "-n")


@dataclass(frozen=True)
class WorkerCommand:
    """A command that starts workers."""

    launcher: tuple[str, ...]
    """The words before the arguments: ``srun -n 4 dask worker``."""
    arguments: tuple[str, ...]
    tasks: int | None
    """How often it is started; ``None`` where the script doesn't tell plainly."""

    @property
    def processes(self) -> int | None:
        """Workers each time it is started."""
        return number(values(self.arguments, "--nworkers", "--nprocs"), default=1)

    @property
    def count(self) -> int | None:
        """Workers in all."""
        processes = self.processes
        return processes * self.tasks if processes is not None and self.tasks is not None else None


def worker_commands(lines: Sequence[str]) -> Iterator[WorkerCommand]:
    """Yield the commands that start workers, out of a script's logical lines."""
    tasks_asked_for = number(values(directives(lines), *_TASKS), default=None)
    loops = 0
    for words in commands(lines):
        loops += sum(word in _LOOPS for word in words[:1]) - sum(word == "done" for word in words[:1])
        start = _behind_worker(words)
        if start is not None:
            launcher = tuple(words[:start])
            tasks = None if loops > 0 else _tasks(launcher, tasks_asked_for)
            yield WorkerCommand(launcher=launcher, arguments=tuple(words[start:]), tasks=tasks)


def number(found: Sequence[str], default: int | None) -> int | None:
    """Return the last of an option's values, if it is a plain number; the default if there is none at all."""
    return (whole_number(found[-1]) or None) if found else default


def workers_of(started: Iterable[WorkerCommand]) -> int | None:
    """Return how many workers these commands start together; ``None`` if there is none, or one can't be told."""
    counts = [command.count for command in started]
    known = [count for count in counts if count is not None]
    return sum(known) if counts and len(known) == len(counts) else None


def _behind_worker(words: Sequence[str]) -> int | None:
    """Return where the arguments of a worker begin, if this command starts one."""
    for at, word in enumerate(words):
        if word in _MENTIONS:
            return None
        program = word.rsplit("/", 1)[-1]
        if program in _WORKER_PROGRAMS or (word in _WORKER_MODULES and words[at - 1] == "-m"):
            return at + 1
        if program == "dask":
            for subcommand in _WORKER_SUBCOMMANDS:
                end = at + 1 + len(subcommand)
                if tuple(words[at + 1 : end]) == subcommand:
                    return end
    return None


def _tasks(launcher: Sequence[str], tasks_asked_for: int | None) -> int | None:
    """Return how often a command is started: once, or by ``srun`` once a task."""
    programs = [word.rsplit("/", 1)[-1] for word in launcher]
    if not _OTHER_LAUNCHERS.isdisjoint(programs):
        return None
    if "srun" not in programs:
        return 1
    # The first: what follows may be options of a program in between, such as ``nice -n 10``.
    return number(values(launcher[programs.index("srun") :], *_TASKS)[:1], default=tasks_asked_for)
