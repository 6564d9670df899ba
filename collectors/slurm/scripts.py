"""What a job's batch script says of dask: where its scheduler is, which workers it starts, and how many.

Pure, and bounded. It reads the script's text as a person would; it never runs or expands anything of it.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dasktop.collectors.readings import JobScript
from dasktop.collectors.slurm.values import whole_number
from dasktop.collectors.text import clean

MAX_CHARACTERS = 1 << 16
MAX_FOUND = 64

_ADDRESS = re.compile(
    r"\b(?:tcp|tls|ucx|wss?)://(?:\[[0-9A-Fa-f:.%\w]{2,64}\]|[\w.-]{1,255}):[0-9]{1,5}\b|\binproc://[\w./-]{1,255}",
    re.ASCII,
)
# Addresses of the worker itself, not of its scheduler.
_WORKERS_OWN_ADDRESS = ("--contact-address", "--listen-address", "--worker-address")

_WORKER_PROGRAMS = frozenset({"dask-worker", "dask-cuda-worker", "dask-spec"})
_WORKER_MODULES = frozenset(
    {"distributed.cli.dask_worker", "distributed.cli.dask_spec", "dask_cuda.cli.dask_cuda_worker"}
)
_WORKER_SUBCOMMANDS = (("worker",), ("spec",), ("spawn",), ("cuda", "worker"))

# Words in front of which a worker's name is only mentioned.
_MENTIONS = frozenset(
    {"echo", "printf", "export", "module", "pip", "conda", "which", "command", "pkill", "killall", "-J", "--job-name"}
)
_SEPARATORS = frozenset({"&", "&&", "|", "||", ";", "(", ")", "|&", ";;"})
_LOOPS = frozenset({"for", "while", "until"})
_OTHER_LAUNCHERS = frozenset({"mpirun", "mpiexec", "parallel", "xargs", "ibrun", "aprun", "jsrun"})


@dataclass(frozen=True)
class _WorkerCommand:
    names: tuple[str, ...]
    count: int | None


def script_command(job_id: str) -> tuple[str, ...]:
    """Return what to run to have a job's script printed. It ends with status 0 even if there is none (22.05)."""
    return ("scontrol", "write", "batch_script", job_id, "-")


def parse_script(job_id: str, text: str) -> JobScript | None:
    """Return what a script says of dask; ``None`` if it starts no worker and names no scheduler beside "dask"."""
    text = text[:MAX_CHARACTERS]
    if "dask" not in text.lower():
        return None
    lines = _logical_lines(text)
    commands = [words for line in lines if not line.startswith("#") for words in _commands(line)]
    tasks_asked_for = _tasks_asked_for(lines)
    workers = list(_worker_commands(commands, tasks_asked_for))
    addresses = _first_of_each(address for words in commands for address in _scheduler_addresses(words))
    files = _first_of_each(file for words in commands for file in _values(words, "--scheduler-file"))
    if not workers and not addresses and not files:
        return None
    counts = [worker.count for worker in workers]
    known = [number for number in counts if number is not None]
    return JobScript(
        job_id=job_id,
        scheduler_addresses=addresses,
        scheduler_files=files,
        worker_names=_first_of_each(name for worker in workers for name in worker.names),
        workers_expected=sum(known) if workers and len(known) == len(counts) else None,
    )


def _logical_lines(text: str) -> list[str]:
    """Return the lines, those that end in a backslash joined to the next; a comment can't be continued."""
    lines: list[str] = []
    is_continued = False
    for line in text.replace("\r\n", "\n").split("\n"):
        if is_continued:
            lines[-1] = lines[-1][:-1] + " " + line.lstrip()
        else:
            lines.append(line.strip())
        is_continued = lines[-1].endswith("\\") and not lines[-1].startswith("#")
    return lines


def _commands(line: str) -> Iterator[list[str]]:
    """Yield the simple commands of a line, each as its words."""
    command: list[str] = []
    for word in _words(line):
        if word.startswith("#"):
            break
        if word in _SEPARATORS:
            yield command
            command = []
        else:
            command.append(word)
    yield command


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # a quotation that goes on in the next line
        words = line.replace('"', " ").replace("'", " ").split()
    # Look into ``bash -c 'dask worker …'`` too.
    return [part.strip("'\"") for word in words for part in (word.split() if "dask" in word else [word])]


def _worker_commands(commands: Iterable[Sequence[str]], tasks_asked_for: int | None) -> Iterator[_WorkerCommand]:
    loops = 0
    for words in commands:
        loops += sum(word in _LOOPS for word in words[:1]) - sum(word == "done" for word in words[:1])
        start = _behind_worker(words)
        if start is None:
            continue
        launcher, arguments = words[:start], words[start:]
        processes = _number(_values(arguments, "--nworkers", "--nprocs"), default=1)
        tasks = None if loops > 0 else _tasks(launcher, tasks_asked_for)
        count = processes * tasks if processes is not None and tasks is not None else None
        yield _WorkerCommand(names=tuple(_values(arguments, "--name")), count=count)


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
    return _number(_task_options(launcher[programs.index("srun") :])[:1], default=tasks_asked_for)


def _tasks_asked_for(lines: Iterable[str]) -> int | None:
    """Return what ``#SBATCH -n`` says: the number of tasks of an ``srun`` that doesn't say one itself."""
    options = [word for line in lines if line.startswith("#SBATCH") for word in _words(line)[1:]]
    return _number(_task_options(options), default=None)


def _task_options(words: Sequence[str]) -> list[str]:
    joined = (word[2:] for word in words if re.fullmatch(r"-n[0-9]+", word, re.ASCII))
    return [*_values(words, "--ntasks", "-n"), *joined]


def _number(values: Sequence[str], default: int | None) -> int | None:
    """Return the last of an option's values, if it is a plain number; the default if there is none at all."""
    return (whole_number(values[-1]) or None) if values else default


def _values(words: Sequence[str], *options: str) -> list[str]:
    """Return what stands behind these options: ``--name X`` and ``--name=X``."""
    values = []
    for at, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option not in options:
            continue
        if equals:
            values.append(value)
        elif at + 1 < len(words):
            values.append(words[at + 1])
    return values


def _scheduler_addresses(words: Sequence[str]) -> Iterator[str]:
    for before, word in zip(["", *words], words, strict=False):
        if before not in _WORKERS_OWN_ADDRESS and not word.startswith(_WORKERS_OWN_ADDRESS):
            yield from _ADDRESS.findall(word)


def _first_of_each(texts: Iterable[str]) -> tuple[str, ...]:
    cleaned = dict.fromkeys(text for text in map(clean, texts) if text)
    return tuple(cleaned)[:MAX_FOUND]
