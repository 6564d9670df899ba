"""What a job's batch script says of dask: where its scheduler is, which workers it starts, and how many. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence

from dasktop.collectors.readings import JobScript
from dasktop.collectors.slurm.script_text import commands, logical_lines, values
from dasktop.collectors.slurm.script_workers import worker_commands, workers_of
from dasktop.collectors.text import clean

MAX_FOUND = 64

_ADDRESS = re.compile(
    r"\b(?:tcp|tls|ucx|wss?)://(?:\[[0-9A-Fa-f:.%\w]{2,64}\]|[\w.-]{1,255}):[0-9]{1,5}\b|\binproc://[\w./-]{1,255}",
    re.ASCII,
)
# Addresses of the worker itself, not of its scheduler.
_WORKERS_OWN_ADDRESS = ("--contact-address", "--listen-address", "--worker-address")


def script_command(job_id: str) -> tuple[str, ...]:
    """Return what to run to have a job's script printed. It ends with status 0 even if there is none (22.05)."""
    return ("scontrol", "write", "batch_script", job_id, "-")


def parse_script(job_id: str, text: str) -> JobScript | None:
    """Return what a script says of dask; ``None`` if it starts no worker and names no scheduler beside "dask"."""
    if "dask" not in text.lower():
        return None
    lines = logical_lines(text)
    workers = list(worker_commands(lines))
    said = list(commands(lines))
    addresses = _first_of_each(address for words in said for address in _scheduler_addresses(words))
    files = _first_of_each(file for words in said for file in values(words, "--scheduler-file"))
    if not workers and not addresses and not files:
        return None
    return JobScript(
        job_id=job_id,
        scheduler_addresses=addresses,
        scheduler_files=files,
        worker_names=_first_of_each(name for worker in workers for name in values(worker.arguments, "--name")),
        workers_expected=workers_of(workers),
    )


def _scheduler_addresses(words: Sequence[str]) -> Iterator[str]:
    for before, word in zip(["", *words], words, strict=False):
        if before not in _WORKERS_OWN_ADDRESS and not word.startswith(_WORKERS_OWN_ADDRESS):
            yield from _ADDRESS.findall(word)


def _first_of_each(texts: Iterable[str]) -> tuple[str, ...]:
    cleaned = dict.fromkeys(text for text in map(clean, texts) if text)
    return tuple(cleaned)[:MAX_FOUND]
