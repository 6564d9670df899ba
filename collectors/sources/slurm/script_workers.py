"""Find the commands of a batch script that start dask workers: how many, and for which scheduler. Pure.

Counts a worker only if the shell starts it, directly or through a known launcher. If the number depends on what happens
at run time (branches, loops, ``mpirun``, one worker per GPU), it is unknown.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.slurm.launchers import program_of, strip_launchers
from dasktop.collectors.sources.slurm.script_commands import Command, ScriptRun
from dasktop.collectors.sources.slurm.script_text import options
from dasktop.collectors.sources.slurm.shell_state import Argument, absolute_path
from dasktop.collectors.sources.slurm.shell_syntax import ShellError
from dasktop.collectors.sources.slurm.values import whole_number

_PROGRAMS = {
    "dask-worker": "worker",
    "dask-cuda-worker": "cuda",
    "dask-spec": "spec",
    "dask-scheduler": "scheduler",
    "dask-mpi": "mpi",
}
_MODULES = {
    "distributed.cli.dask_worker": "worker",
    "distributed.cli.dask_spec": "spec",
    "distributed.cli.dask_scheduler": "scheduler",
    "dask_cuda.cli.dask_cuda_worker": "cuda",
    "dask_cuda.cli": "cuda",
    "dask_mpi": "mpi",
    "dask_mpi.cli": "mpi",
}
_SUBCOMMANDS = {
    ("worker",): "worker",
    ("spec",): "spec",
    ("spawn",): "spec",
    ("scheduler",): "scheduler",
    ("cuda", "worker"): "cuda",
}
_WORKER_KINDS = frozenset({"worker", "cuda", "spec", "mpi"})
_FLAGS = frozenset(
    {"--nanny", "--no-nanny", "--dashboard", "--no-dashboard", "--bokeh", "--no-bokeh", "--reconnect", "--no-reconnect"}
    | {"--help", "--version", "--enable-tcp-over-ucx", "--enable-infiniband", "--enable-nvlink", "--enable-rdmacm"}
    | {"--show", "--no-show", "--scheduler", "--no-scheduler", "--exclusive-workers", "--no-exclusive-workers"}
)
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh"})
_PYTHON = re.compile(r"(python|pypy)[0-9.]*", re.ASCII)
_PYTHON_WITH_VALUE = frozenset({"-X", "-W"})
# Programs that do not start the programs in their arguments.
_NAMES = """
. : [ alias awk cat chmod chown conda cp curl cut date df du echo egrep export false fgrep find git grep
hash head hostname kill killall less ln ls lsof mail mamba micromamba mkdir ml module mv pgrep pip pip3
pkill printenv printf ps rm rmdir rsync sacct sattach sbatch scancel scontrol scp sed seq sinfo sleep sort
source squeue sstat stat tail tee test touch tr trap true type uniq uv wait wc wget which
"""
_NOT_LAUNCHERS = frozenset(_NAMES.split())
_ADDRESS = re.compile(
    r"\b(?:tcp|tls|ucx|wss?)://(?:\[[0-9A-Fa-f:.%\w]{2,64}\]|[\w.-]{1,255}):[0-9]{1,5}(?![0-9])", re.ASCII
)
MAX_COMMANDS = 4096


class Scheduler(NamedTuple):
    """How a command finds its scheduler: by its address or by a scheduler file."""

    address: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class WorkerCommand:
    """A command that starts workers."""

    kind: str
    arguments: tuple[Argument, ...]
    tasks: int | None
    """How often it is started; ``None``: unknown."""
    folder: str | None
    scheduler: Scheduler

    @property
    def words(self) -> tuple[str, ...]:
        """Its arguments."""
        return tuple(argument.text for argument in self.arguments)

    @property
    def processes(self) -> int | None:
        """The number of workers per start; ``None``: unknown."""
        if self.kind in ("cuda", "mpi"):
            return None  # cuda: one per GPU; mpi: all tasks but one or two
        given = options(self.words, "--nworkers", "--nprocs")
        may_be_more = [at for at, argument in enumerate(self.arguments) if not argument.is_one and self._is_operand(at)]
        if not given:
            return None if may_be_more else 1
        last = max(at for at, word in enumerate(self.words) if word.startswith(("--nworkers", "--nprocs")))
        return None if may_be_more and may_be_more[-1] > last else whole_number(given[-1].value) or None

    def known(self, *names: str) -> list[str]:
        """Return the known values of these options."""
        found = []
        for at, argument in enumerate(self.arguments):
            name, equals, value = argument.text.partition("=")
            if name not in names:
                continue
            if equals and argument.is_known:
                found.append(value)
            elif not equals and at + 1 < len(self.arguments) and self.arguments[at + 1].is_known:
                found.append(self.arguments[at + 1].text)
        return found

    def _is_operand(self, at: int) -> bool:
        """Return whether an argument is not the value of the option before it."""
        before = self.arguments[at - 1] if at else None
        return before is None or not _takes_value(before)


@dataclass
class DaskCommands:
    """The dask commands of a script."""

    workers: list[WorkerCommand] = field(default_factory=list)
    count: int | None = 0
    """The total number of workers; ``None``: unknown."""
    schedulers: list[Scheduler] = field(default_factory=list)
    """The schedulers that it starts."""
    mentioned: list[Scheduler] = field(default_factory=list)
    """The schedulers in the arguments of other programs."""
    is_understood: bool = True


@dataclass(frozen=True)
class JobEnvironment:
    """What is known of the environment of the job that runs a script."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """The environment variables whose values are certain."""
    folder: str | None = None
    """The working directory; ``None``: unknown."""
    tasks: int | None = None
    """The job's number of tasks; ``None``: unknown."""


def dask_commands(text: str, environment: JobEnvironment) -> DaskCommands:
    """Return the dask commands of a script."""
    finder = _Finder(environment)
    try:
        finder.found.count = finder.script_run.run(text)
    except ShellError:
        finder.found.count = None
        finder.found.is_understood = False
    finder.add_mentioned_variable(finder.script_run.shell.variable("DASK_SCHEDULER_ADDRESS"))
    return finder.found


class _Finder:
    """Collects the dask commands while a script is walked through."""

    def __init__(self, environment: JobEnvironment) -> None:
        self.found = DaskCommands()
        self.script_run = ScriptRun(self._count_workers, environment.variables, environment.folder)
        self._environment = environment
        self._repetitions: int | None = 1

    def _count_workers(self, command: Command) -> int | None:
        """Return how many workers a command starts; ``None``: unknown."""
        if not any(
            "dask" in word.text or "://" in word.text or "scheduler" in word.text for word in command.words
        ) and (command.stdin is None or "dask" not in command.stdin):
            return 0
        tasks = self._environment.tasks if not {"SLURM_NTASKS", "SLURM_NPROCS"} & command.variables.keys() else None
        launched = strip_launchers(command.words, tasks)
        if not launched.words:
            return self._in_other_program(command, command.words) if not _is_not_launcher(command.words) else 0
        program = program_of(launched.words[0])
        variables = {**command.variables, **launched.variables}
        if (dask := _dask_command(launched.words)) is not None:
            kind, arguments = dask
            return self._add_dask_command(command, kind, arguments, launched.tasks, variables)
        if program in _SHELLS:
            return self._in_shell(command, launched.words[1:], launched.tasks)
        if _PYTHON.fullmatch(program) or program in _NOT_LAUNCHERS:
            self._add_mentioned(command, launched.words[1:] if program not in _NOT_LAUNCHERS else ())
            return 0
        return self._in_other_program(command, launched.words[1:] if launched.words[0].is_known else launched.words)

    def _in_shell(self, command: Command, arguments: Sequence[Argument], tasks: int | None) -> int | None:
        """Return how many workers ``bash -c '…'`` or ``bash <<EOF`` starts."""
        at = next((at for at, word in enumerate(arguments) if re.fullmatch(r"-[a-z]*c", word.text)), None)
        if at is None:
            is_script = any(not word.text.startswith(("-", "+")) for word in arguments)
            text = None if is_script else command.stdin
            command = command._replace(is_certain=False)
        else:
            after = arguments[at + 1 : at + 2]
            text = after[0].text if after and not after[0].text.startswith("-") else None
            command = command._replace(is_certain=command.is_certain and bool(after) and after[0].is_known)
        if text is None:
            return 0
        before, self._repetitions = self._repetitions, _product(self._repetitions, tasks)
        try:
            count = self.script_run.run_text(text, command)
        finally:
            self._repetitions = before
        return _product(count, tasks) if count and command.is_certain else 0 if count == 0 else None

    def _in_other_program(self, command: Command, words: Sequence[Argument]) -> int | None:
        """Find workers that an unknown program may start, an unknown number of times."""
        for at in range(len(words)):
            if (dask := _dask_command(words[at:])) is not None:
                kind, arguments = dask
                count = self._add_dask_command(command, kind, arguments, None, command.variables)
                return 0 if count == 0 else None
        count = 0
        for word in words:
            if "dask" in word.text and any(map(str.isspace, word.text)):
                try:
                    inner = self.script_run.run_text(word.text, command._replace(is_certain=False))
                except ShellError:
                    continue
                count = 0 if inner == count == 0 else 1
        self._add_mentioned(command, words)
        return 0 if count == 0 else None

    def _add_dask_command(
        self,
        command: Command,
        kind: str,
        arguments: Sequence[Argument],
        tasks: int | None,
        variables: Mapping[str, Argument],
    ) -> int | None:
        """Record a dask command; return how many workers it starts."""
        scheduler = _scheduler_of(arguments, command.folder, variables, has_address=kind not in ("scheduler", "mpi"))
        if kind == "scheduler":
            self.found.schedulers.append(scheduler)
            return 0
        if len(self.found.workers) >= MAX_COMMANDS:
            raise ShellError("the script starts too many workers")
        times = _product(self._repetitions, tasks)
        worker = WorkerCommand(kind, tuple(arguments), times if command.is_certain else None, command.folder, scheduler)
        self.found.workers.append(worker)
        return _product(worker.processes, tasks)

    def _add_mentioned(self, command: Command, words: Sequence[Argument]) -> None:
        """Record the schedulers in the arguments of another program."""
        for address in (match for word in words if word.is_known for match in _ADDRESS.findall(word.text)):
            self.found.mentioned.append(Scheduler(address=address))
        scheduler = _scheduler_of(words, command.folder, command.variables, has_address=False)
        if scheduler != Scheduler():
            self.found.mentioned.append(scheduler)

    def add_mentioned_variable(self, value: Argument | None) -> None:
        """Record the scheduler in ``DASK_SCHEDULER_ADDRESS``."""
        if value is not None and value.is_known and (address := _address(value.text)) is not None:
            self.found.mentioned.append(Scheduler(address=address))


def _product(one: int | None, other: int | None) -> int | None:
    return one * other if one is not None and other is not None else None


def _is_not_launcher(words: Sequence[Argument]) -> bool:
    return bool(words) and program_of(words[0]) in _NOT_LAUNCHERS | {"command"}


def _dask_command(words: Sequence[Argument]) -> tuple[str, tuple[Argument, ...]] | None:
    """Return the kind of a dask command and its arguments; ``None`` for other commands."""
    if not words or not words[0].is_known:
        return None
    program = program_of(words[0])
    if (kind := _PROGRAMS.get(program)) is not None:
        return kind, tuple(words[1:])
    if program == "dask":
        return _dask_subcommand(words[1:])
    if not _PYTHON.fullmatch(program):
        return None
    at = 1
    while at < len(words) and words[at].text.startswith("-") and words[at].is_known:
        text = words[at].text
        if text == "-m":
            module = words[at + 1].text if at + 1 < len(words) and words[at + 1].is_known else ""
            if module in ("dask", "dask.__main__"):
                return _dask_subcommand(words[at + 2 :])
            return (kind, tuple(words[at + 2 :])) if (kind := _MODULES.get(module)) else None
        at += 2 if text in _PYTHON_WITH_VALUE else 1
    # ``python $(which dask-worker)`` and the like
    return _dask_command(words[at:]) if at < len(words) and program_of(words[at]) in {*_PROGRAMS, "dask"} else None


def _dask_subcommand(words: Sequence[Argument]) -> tuple[str, tuple[Argument, ...]] | None:
    texts = [word.text if word.is_known else "" for word in words[:2]]
    for subcommand, kind in _SUBCOMMANDS.items():
        if tuple(texts[: len(subcommand)]) == subcommand:
            return kind, tuple(words[len(subcommand) :])
    return None


def _takes_value(word: Argument) -> bool:
    return word.text.startswith("--") and "=" not in word.text and word.text not in _FLAGS


def _scheduler_of(
    arguments: Sequence[Argument], folder: str | None, variables: Mapping[str, Argument], *, has_address: bool
) -> Scheduler:
    """Return the scheduler in a command's arguments, or else in its environment."""
    files = [value for value in _known_values(arguments, "--scheduler-file") if value is not None]
    if files:
        return Scheduler(file=absolute_path(folder, files[-1]))
    if not has_address or any(True for _ in _known_values(arguments, "--scheduler-file")):
        return Scheduler()
    operands = [word for at, word in enumerate(arguments) if not _is_option(arguments, at)]
    for word in operands:
        if word.is_known and (address := _address(word.text)) is not None:
            return Scheduler(address=address)
    variable = variables.get("DASK_SCHEDULER_ADDRESS")
    if not operands and variable is not None and variable.is_known:
        return Scheduler(address=_address(variable.text))
    return Scheduler()


def _is_option(arguments: Sequence[Argument], at: int) -> bool:
    """Return whether this word is an option, or the value of one."""
    return arguments[at].text.startswith("-") or (at > 0 and _takes_value(arguments[at - 1]))


def _known_values(arguments: Sequence[Argument], name: str) -> Iterator[str | None]:
    """Yield the values of an option; ``None`` for an unknown value."""
    for at, word in enumerate(arguments):
        if word.text == name and at + 1 < len(arguments):
            yield arguments[at + 1].text if arguments[at + 1].is_known else None
        elif word.text.startswith(f"{name}="):
            yield word.text.partition("=")[2] if word.is_known else None


def _address(text: str) -> str | None:
    """Return an address with its scheme; ``None`` if the text is not an address."""
    if text.startswith("inproc://"):
        return text
    try:
        return str(parse_address(text))
    except NoSchedulerError:
        return None
