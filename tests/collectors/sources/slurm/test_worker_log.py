"""Ends of workers in the logs of their jobs: what the lines say, and how often logs are read.

The lines are real: distributed 2026.8, bash 5.2, SLURM 22.05.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import OutputFiles
from dasktop.collectors.model.snapshot import WorkerEvent
from dasktop.collectors.sources.slurm.lookups import OutputFilesReader
from dasktop.collectors.sources.slurm.worker_log import (
    JOBS_PER_POLL,
    MOST_JOBS_SEARCHED,
    TRIES,
    WorkerLogReader,
    worker_end_in_log,
)
from tests.support.fake_commands import Commands
from tests.support.snapshots import TAKEN_AT, job

ADDRESS = "tcp://127.0.0.1:34119"
NANNY = f"""\
2026-11-29 08:13:10,768 - distributed.nanny.memory - WARNING - Worker {ADDRESS} (pid=711) exceeded 95% memory budget. \
Restarting...
2026-11-29 08:13:10,810 - distributed.nanny - INFO - Worker process 711 was killed by signal 15
2026-11-29 08:13:10,815 - distributed.nanny - WARNING - Restarting worker (status=Status.running)
"""
BY_SIGNAL = "2026-11-29 08:13:10,810 - distributed.nanny - INFO - Worker process 711 was killed by signal 9\n"
BY_EXIT = "2026-11-29 08:13:10,810 - distributed.nanny - INFO - Worker process 711 exited with status 1\n"
BY_SHELL = "/var/spool/slurmd/job00015/slurm_script: line 4:   711 Killed                  dask worker tcp://a:1\n"
OOM = "slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch. Some of the step tasks have been OOM Killed.\n"
KILLED = "killed by signal 9 (SIGKILL)"


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (NANNY, "killed by its nanny because of its memory use: over 95 % of its limit"),
        (BY_SIGNAL, KILLED),
        (BY_SIGNAL.replace("signal 9", "unknown signal"), "killed by an unknown signal"),
        (BY_SIGNAL.replace("signal 9", "signal 99"), "killed by signal 99"),
        (BY_SIGNAL + OOM, f"{KILLED}; SLURM reports in the log that a process of the job ran out of memory"),
        (BY_EXIT, "its process exited with status 1"),
        (BY_SHELL, KILLED),
        (BY_SHELL.replace("Killed ", "Segmentation fault (core dumped) "), "killed by signal 11 (SIGSEGV)"),
        (OOM, None),
        ("Worker process 711 is what a task prints\n", None),
        ("", None),
    ],
)
def test_what_lines_say(log: str, cause: str | None) -> None:
    assert worker_end_in_log(log, 711, ADDRESS) == cause


@pytest.mark.parametrize("log", [BY_SIGNAL, BY_EXIT, BY_SHELL, NANNY])
def test_lines_about_other_workers_do_not_count(log: str) -> None:
    assert worker_end_in_log(log, 7, "tcp://127.0.0.1:3411") is None
    assert worker_end_in_log(log, 71, None) is None
    assert worker_end_in_log(log, None, None) is None


def test_nanny_names_the_address_too() -> None:
    assert worker_end_in_log(NANNY, None, ADDRESS) is not None


STARTS = "2026-11-29 08:13:05,599 - distributed.nanny - INFO -         Start Nanny at: 'tcp://127.0.0.1:40763'\n"
WORKER = f"2026-11-29 08:13:06,038 - distributed.worker - INFO -       Start worker at:      {ADDRESS}\n"
NEXT = WORKER.replace(ADDRESS, "tcp://127.0.0.1:44679")


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (STARTS + WORKER + BY_SIGNAL + NEXT, KILLED),
        (STARTS + NEXT + BY_SIGNAL + WORKER, None),
        (STARTS + STARTS + WORKER + BY_SIGNAL, None),  # either nanny's
        (WORKER + BY_SIGNAL, None),
        (STARTS + WORKER + BY_SIGNAL + WORKER + BY_EXIT, None),  # the address was used again
        (STARTS + WORKER + "all is well\n" * 5000 + BY_SIGNAL, None),  # only the end of a log is read
    ],
)
def test_log_of_one_nanny_shows_an_unknown_pid(log: str, cause: str | None) -> None:
    assert worker_end_in_log(log, None, ADDRESS) == cause


def test_last_line_about_a_process_counts() -> None:
    assert worker_end_in_log(BY_EXIT + BY_SIGNAL, 711, None) == KILLED


class Files(OutputFilesReader):
    """Has the output files of jobs; notes which were requested."""

    def __init__(self, folder: Path, names: dict[str, str] | None = None) -> None:
        super().__init__(Commands(lambda *_: ""))
        self._folder = folder
        self._names = names or {}
        self.requested: list[str] = []

    async def read(self, job_id: str) -> OutputFiles:
        raise SourceError(f"SLURM no longer knows job {job_id}")

    def known(self, job_id: str) -> OutputFiles | None:
        self.requested.append(job_id)
        path = self._folder / self._names.get(job_id, f"slurm-{job_id}.out")
        return OutputFiles(stdout=str(path), stderr=None, work_dir=None)


def removal(job_id: str | None = "7", seconds: float = 0.0) -> WorkerEvent:
    at = TAKEN_AT + timedelta(seconds=seconds)
    return WorkerEvent(at=at, worker="w", address=ADDRESS, job_id=job_id, kind="removed", pid=711)


async def test_log_is_read_until_it_explains(tmp_path: Path) -> None:
    files = Files(tmp_path)
    reader = WorkerLogReader(files)
    log = tmp_path / "slurm-7.out"
    log.touch()
    await reader.read_ends([removal()])
    assert reader.found.ends == {}
    log.write_text(BY_SIGNAL)
    await reader.read_ends([removal()])
    await reader.read_ends([removal()])
    assert reader.found.ends == {(ADDRESS, TAKEN_AT): KILLED}
    assert files.requested == ["7", "7"]


async def test_log_that_explains_nothing_is_read_twice(tmp_path: Path) -> None:
    files = Files(tmp_path)
    reader = WorkerLogReader(files)
    for _ in range(3 * TRIES):
        await reader.read_ends([removal(), removal(seconds=1), removal(job_id=None)])
    assert files.requested == ["7"] * TRIES
    assert reader.found.ends == {}


async def test_few_logs_are_read_at_once(tmp_path: Path) -> None:
    files = Files(tmp_path)
    reader = WorkerLogReader(files)
    removals = [removal(str(number), number) for number in range(3 * JOBS_PER_POLL)]
    await reader.read_ends(removals)
    assert len(files.requested) == JOBS_PER_POLL
    for _ in range(5 * TRIES):
        await reader.read_ends(removals)
    assert len(files.requested) == 3 * JOBS_PER_POLL * TRIES


@pytest.mark.parametrize(
    ("name", "fields", "is_found"),
    [
        ("slurm-7.out", {}, True),
        ("slurm-17.out", {}, False),
        ("all.out", {}, False),  # other jobs may write to it
        ("a-5_2.out", {"array_job_id": "5", "array_task_id": "2"}, True),
    ],
)
async def test_log_names_the_workers_of_its_job(
    tmp_path: Path, name: str, fields: dict[str, str], is_found: bool
) -> None:
    lines = WORKER + "all is well\n" * 20_000 + NEXT
    (tmp_path / name).write_text(lines)
    files = Files(tmp_path, {"7": name})
    reader = WorkerLogReader(files)
    for _ in range(2):
        await reader.read_jobs([job("7", **fields)])
    assert reader.found.jobs == ({ADDRESS: "7", "tcp://127.0.0.1:44679": "7"} if is_found else {})
    assert files.requested == ["7"]


async def test_address_in_the_logs_of_two_jobs_is_ambiguous(tmp_path: Path) -> None:
    for number in "78":
        (tmp_path / f"slurm-{number}.out").write_text(WORKER)
    reader = WorkerLogReader(Files(tmp_path))
    await reader.read_jobs([job("7"), job("8")])
    assert reader.found.jobs == {}


async def test_number_of_searched_logs_is_limited(tmp_path: Path) -> None:
    files = Files(tmp_path)
    reader = WorkerLogReader(files)
    jobs = [job(str(number)) for number in range(2 * MOST_JOBS_SEARCHED)]
    for calls in range(1, 4):
        await reader.read_jobs(jobs)
        assert len(files.requested) == calls * JOBS_PER_POLL
    for _ in jobs:
        await reader.read_jobs(jobs)
    assert len(files.requested) == MOST_JOBS_SEARCHED
