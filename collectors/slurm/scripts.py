"""What a job's batch script says of dask: where its scheduler is, which workers it starts, and how many. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from msgspec.structs import replace

from dasktop.collectors.readings import JobScript
from dasktop.collectors.slurm.script_text import commands, logical_lines, values
from dasktop.collectors.slurm.script_workers import worker_commands, workers_of
from dasktop.collectors.text import clean

MAX_FOUND = 64

_ADDRESS = re.compile(
    r"\b(?:tcp|tls|ucx|wss?)://(?:\[[0-9A-Fa-f:.%\w]{2,64}\]|[\w.-]{1,255}):[0-9]{1,5}\b|\binproc://[\w./-]{1,255}",
    re.ASCII,
)
_GOES_ELSEWHERE = ("cd", "pushd")
# Addresses of the worker itself, not of its scheduler.
_WORKERS_OWN_ADDRESS = ("--contact-address", "--listen-address", "--worker-address")


def script_command(job_id: str) -> tuple[str, ...]:
    """Return what to run to have a job's script printed. It ends with status 0 even if there is none (22.05)."""
    return ("scontrol", "write", "batch_script", job_id, "-")


def parse_script(job_id: str, text: str) -> JobScript | None:
    """Return what a script says of dask; ``None`` if it starts no worker and names no scheduler beside "dask".

    Scheduler files stand there as they are named; see `in_folder`.
    """
    if "dask" not in text.lower():
        return None
    lines = logical_lines(text)
    workers = list(worker_commands(lines))
    said = list(commands(lines))
    addresses = _first_of_each(address for words in said for address in _scheduler_addresses(words))
    named = (file for words in said for file in values(words, "--scheduler-file"))
    is_elsewhere = any(words and words[0] in _GOES_ELSEWHERE for words in said)
    files = _first_of_each(file for file in named if _is_whole(file) or not is_elsewhere)
    if not workers and not addresses and not files:
        return None
    return JobScript(
        job_id=job_id,
        scheduler_addresses=addresses,
        scheduler_files=files,
        worker_names=_first_of_each(name for worker in workers for name in values(worker.arguments, "--name")),
        workers_expected=workers_of(workers),
    )


def names_files_by_folder(script: JobScript) -> bool:
    """Whether only the folder that the job works in tells which scheduler files are meant."""
    return not all(map(_is_whole, script.scheduler_files))


def in_folder(script: JobScript, work_dir: str | None) -> JobScript:
    """Return the same with whole paths of its scheduler files. Two clusters' ``scheduler.json`` are two files.

    Parameters
    ----------
    work_dir
        The folder that the job works in; ``None``: it isn't known, so a file that is named by it is left out.
    """
    files = script.scheduler_files
    if work_dir is None:
        return replace(script, scheduler_files=tuple(filter(_is_whole, files)))
    return replace(script, scheduler_files=tuple(str(PurePosixPath(work_dir, file)) for file in files))


def _is_whole(file: str) -> bool:
    return PurePosixPath(file).is_absolute()


def _scheduler_addresses(words: Sequence[str]) -> Iterator[str]:
    for before, word in zip(["", *words], words, strict=False):
        if before not in _WORKERS_OWN_ADDRESS and not word.startswith(_WORKERS_OWN_ADDRESS):
            yield from _ADDRESS.findall(word)


def _first_of_each(texts: Iterable[str]) -> tuple[str, ...]:
    cleaned = dict.fromkeys(text for text in map(clean, texts) if text)
    return tuple(cleaned)[:MAX_FOUND]
