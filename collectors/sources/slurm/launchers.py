"""Find the program that a command starts through launchers: ``srun -n 4 conda run -n env dask worker``. Pure.

The options of each launcher must be known to find the word that is the program.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from dasktop.collectors.sources.slurm.shell_state import Argument
from dasktop.collectors.sources.slurm.values import whole_number


class Launcher(NamedTuple):
    """The arguments between a launcher's name and the program that it starts."""

    with_value: frozenset[str] = frozenset()
    """The options whose value is the next word."""
    operands: int = 0
    """The number of operands before the program: the image of a container, the seconds of ``timeout``."""
    subcommand: str = ""
    sets_variables: bool = False
    """Whether ``NAME=value`` may come before the program."""


class LaunchedProgram(NamedTuple):
    """A program without its launchers."""

    words: tuple[Argument, ...]
    """The words from the program on; empty: unknown, or there is none."""
    tasks: int | None
    """How often the whole command starts it; ``None``: unknown."""
    variables: dict[str, Argument]
    """Set by ``env NAME=value``."""


def _values(*options: str) -> frozenset[str]:
    return frozenset(" ".join(options).split())


_CONDA = Launcher(_values("-n --name -p --prefix --cwd"), subcommand="run")
_CONTAINER = Launcher(
    _values(
        "-B --bind -e: --env --env-file -H --home --pwd --cwd -W --workdir -S --scratch -o --overlay --network --dns"
    )
    | _values("--security --add-caps --drop-caps --app --fusemount --mount --hostname --pem-path --apply-cgroups"),
    operands=1,
    subcommand="exec",
)
LAUNCHERS = {
    "apptainer": _CONTAINER,
    "builtin": Launcher(),
    "command": Launcher(),
    "conda": _CONDA,
    "env": Launcher(_values("-u --unset -C --chdir"), sets_variables=True),
    "exec": Launcher(_values("-a")),
    "ionice": Launcher(_values("-c --class -n --classdata")),
    "mamba": _CONDA,
    "micromamba": Launcher(
        _values("-n --name -p --prefix --cwd -a --attach -e --env -r --root-prefix"), subcommand="run"
    ),
    "nice": Launcher(_values("-n --adjustment")),
    "nohup": Launcher(),
    "numactl": Launcher(_values("-N -m -i -p -C -P --cpunodebind --membind --interleave --preferred --physcpubind")),
    "pdm": Launcher(_values("-p --project"), subcommand="run"),
    "pipenv": Launcher(subcommand="run"),
    "pixi": Launcher(_values("-e --environment --manifest-path"), subcommand="run"),
    "poetry": Launcher(_values("-C --directory -P --project"), subcommand="run"),
    "setsid": Launcher(),
    "singularity": _CONTAINER,
    "stdbuf": Launcher(_values("-i -o -e --input --output --error")),
    "taskset": Launcher(_values("-c --cpu-list")),
    "time": Launcher(_values("-o --output -f --format")),
    "timeout": Launcher(_values("-s --signal -k --kill-after"), operands=1),
    "uv": Launcher(
        _values(
            "-p --python --with --with-editable --with-requirements --project --directory --extra --group --env-file"
        )
        | _values("--package --only-group --no-group --no-extra --index --index-url --cache-dir --config-file"),
        subcommand="run",
    ),
}
# From srun's manual, 19.05 to 25.11. A long option takes its value with ``=`` or as the next word.
_SRUN_SHORT_WITH_VALUE = frozenset("ABCDGJLMNSTWcdeimnopqrtwx")
_SRUN_FLAGS = _values(
    "--compress --contiguous --disable-status --exact --exclusive --help --hold --immediate --interactive",
    "--kill-on-bad-exit --label --mpi-combine --multi-prog --no-allocate --no-kill --overcommit --overlap",
    "--oversubscribe --preserve-env --propagate --pty --quiet --quit-on-interrupt --reboot --send-libs --share",
    "--spread-job --test-only --unbuffered --usage --use-min-nodes --verbose --version --whole",
)
# With these, the number of tasks does not follow from the job's number of tasks alone.
_SRUN_COUNTS = _values(
    "-N --nodes --ntasks-per-node --ntasks-per-core --ntasks-per-gpu --ntasks-per-socket --multi-prog --relative -r",
    "--het-group --pack-group -w --nodelist -x --exclude --test-only --no-kill -k",
)
_NAME_AND_VALUE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.ASCII | re.DOTALL)
_MAX_LAUNCHERS = 16


def strip_launchers(words: Sequence[Argument], job_tasks: int | None) -> LaunchedProgram:
    """Return the program that a command starts through its launchers.

    Parameters
    ----------
    words
        The whole command.
    job_tasks
        The job's number of tasks: by default, ``srun`` starts a program this many times.
    """
    tasks: int | None = 1
    variables: dict[str, Argument] = {}
    for _ in range(_MAX_LAUNCHERS):
        if not words or not words[0].is_known:
            break
        program = program_of(words[0])
        if program == "srun":
            words, times = _after_srun(words[1:], job_tasks)
            tasks = tasks * times if tasks is not None and times is not None else None
        elif (launcher := LAUNCHERS.get(program)) is not None:
            words = _after_launcher(launcher, program, words[1:], variables)
        else:
            return LaunchedProgram(tuple(words), tasks, variables)
    return LaunchedProgram((), None, variables)


def program_of(word: Argument) -> str:
    """Return the file name of a program."""
    return word.text.rsplit("/", 1)[-1]


def _after_launcher(
    launcher: Launcher, program: str, words: Sequence[Argument], variables: dict[str, Argument]
) -> Sequence[Argument]:
    at = 0
    subcommand, operands = launcher.subcommand, launcher.operands
    has_taken_cpus = False
    while at < len(words):
        word = words[at]
        if not word.is_known and not (word.is_one or operands):
            return ()
        text = word.text
        if text == "--" and not subcommand:
            at += 1
            if not operands:
                break
        elif text.startswith("-") and len(text) > 1 and word.is_known:
            if program == "command" and text in ("-v", "-V"):
                return ()
            has_taken_cpus = has_taken_cpus or text.startswith(("-c", "--cpu-list"))
            at += 2 if text in launcher.with_value else 1
        elif subcommand:
            if text != subcommand:
                return ()
            subcommand = ""
            at += 1
        elif program == "taskset" and not has_taken_cpus:
            has_taken_cpus = True  # a mask
            at += 1
        elif operands:
            operands -= 1
            at += 1
        elif launcher.sets_variables and (match := _NAME_AND_VALUE.fullmatch(text)):
            variables[match[1]] = word._replace(text=match[2])
            at += 1
        else:
            break
    return words[at:]


def _after_srun(words: Sequence[Argument], job_tasks: int | None) -> tuple[Sequence[Argument], int | None]:
    """Return the program that srun starts with its arguments, and how often."""
    at, ntasks, has_other_counts = 0, None, False
    while at < len(words) and words[at].text.startswith("-") and len(words[at].text) > 1:
        text = words[at].text
        if not words[at].is_one:
            return (), None
        at += 1
        if text == "--":
            break
        if text.startswith("--"):
            name, equals, value = text.partition("=")
            has_value, known = bool(equals), words[at - 1].is_known
            if not has_value and name not in _SRUN_FLAGS and at < len(words):
                value, known, has_value, at = words[at].text, words[at].is_known, True, at + 1
        else:
            name, value, known = text[:2], text[2:], words[at - 1].is_known
            if not value and name[1] in _SRUN_SHORT_WITH_VALUE and at < len(words):
                value, known, at = words[at].text, words[at].is_known, at + 1
        if name in ("-n", "--ntasks"):
            ntasks = (whole_number(value.removeprefix("=")) or 0) if known else 0
        has_other_counts = has_other_counts or name in _SRUN_COUNTS
    if at < len(words) and not words[at].is_known and not words[at].is_one:
        return (), None
    times = ntasks if ntasks is not None else job_tasks
    # ``-n`` takes precedence over options that set the number in other ways.
    return words[at:], None if has_other_counts and ntasks is None else (times or None)
