"""Bring up an embedded SLURM beside the program that wants one, and take it down with it.

The program only holds the lifeline; jobs are the controller's, and nothing outlives the program, however it ends.
"""

import logging
import os
import secrets
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from dasktop.collectors.embedded_slurm import client
from dasktop.collectors.embedded_slurm.settings import COMMANDS, LOG_NAME, Partition, Settings

# Tells a program that it runs on an embedded SLURM, and where.
FOLDER_VARIABLE = "DASKTOP_EMBEDDED_SLURM"
_LOGGER = logging.getLogger(__name__)
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_OF_SLURM = ("SLURM", "SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_", "SRUN_", "SSTAT_", "SCONTROL_")


class EmbeddedSlurmError(RuntimeError):
    """An embedded SLURM did not come up; says what its log says."""


class EmbeddedSlurm:
    """A SLURM of one's own: real commands, virtual nodes, real processes.

    Parameters
    ----------
    nodes, cpus_per_node, memory_per_node_mb, gpus_per_node
        The virtual nodes. They may have more CPUs than the machine: nothing binds a job to its CPUs.
    folder
        Where its own folder is made (default: the system's temporary folder). All its files are in that folder,
        which goes when it ends. Programs must be allowed to be started from there.
    **options
        See `Settings`: partitions, qos, minute_seconds, kill_wait_seconds, min_job_age_seconds, accounting, …

    Examples
    --------
    >>> with EmbeddedSlurm(nodes=2) as slurm:
    ...     subprocess.run(["sinfo"], env=slurm.environment)
    """

    def __init__(
        self,
        nodes: int = 4,
        cpus_per_node: int = 16,
        memory_per_node_mb: int = 64_000,
        *,
        gpus_per_node: int = 0,
        folder: str | os.PathLike[str] | None = None,
        cluster: str = "embedded",
        account: str = "lab",
        partitions: tuple[Partition, ...] | None = None,
        qos: Mapping[str, int | None] | None = None,
        default_memory_per_cpu_mb: int = 1000,
        minute_seconds: float = 60.0,
        kill_wait_seconds: float = 30.0,
        min_job_age_seconds: float = 300.0,
        accounting: bool = True,
    ) -> None:
        usual = Settings("")
        self.settings = Settings(
            token=secrets.token_hex(8),
            nodes=nodes,
            cpus_per_node=cpus_per_node,
            memory_per_node_mb=memory_per_node_mb,
            gpus_per_node=gpus_per_node,
            cluster=cluster,
            account=account,
            partitions=partitions or usual.partitions,
            qos=qos or usual.qos,
            default_memory_per_cpu_mb=default_memory_per_cpu_mb,
            minute_seconds=minute_seconds,
            kill_wait_seconds=kill_wait_seconds,
            min_job_age_seconds=min_job_age_seconds,
            accounting=accounting,
        )
        self._parent = folder
        self._folder: Path | None = None
        self._stop: weakref.finalize[[subprocess.Popen[bytes], Path, int], EmbeddedSlurm] | None = None

    @property
    def folder(self) -> Path:
        """Its own folder, while it is up."""
        if self._folder is None:
            raise EmbeddedSlurmError("this embedded SLURM is not up")
        return self._folder

    @property
    def work(self) -> Path:
        """A folder for what jobs write; it goes when this SLURM ends."""
        return self.folder / "work"

    @property
    def environment(self) -> dict[str, str]:
        """The variables to start programs with: its commands come first, and no other SLURM is in reach."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_SLURM)}
        return {
            **kept,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            # Should a real SLURM's command ever be run instead, it must not find its cluster: an empty file makes it
            # end at once (for a missing one it waits a minute).
            "SLURM_CONF": os.devnull,
            FOLDER_VARIABLE: str(self.folder),
        }

    def __enter__(self) -> "EmbeddedSlurm":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Bring it up, and return when its commands work.

        Raises
        ------
        EmbeddedSlurmError
            When it does not come up.
        """
        folder = Path(tempfile.mkdtemp(prefix="dasktop-slurm-", dir=self._parent)).resolve()
        try:
            (folder / "work").mkdir()
            self.settings.write(folder)
            _write_commands(folder)
            keeper = _start_keeper(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._folder = folder
        # Runs when it is closed, is forgotten, or the interpreter ends; a fork of this program leaves it alone.
        self._stop = weakref.finalize(self, _stop, keeper, folder, os.getpid())
        if keeper.stdout is None or not _is_ready(keeper.stdout):
            said = (folder / LOG_NAME).read_text(encoding="utf-8", errors="replace").strip()
            (folder / LOG_NAME).write_text("")
            self.close()
            raise EmbeddedSlurmError(f"the embedded SLURM did not come up: {said[-2000:] or 'no word from it'}")

    def close(self) -> None:
        """End all its jobs, itself, and its folder. Twice is no harm."""
        if self._stop is not None:
            self._stop()
        self._stop = self._folder = None


def _start_keeper(folder: Path) -> "subprocess.Popen[bytes]":
    # -P: a json.py in the folder where somebody happens to be must not be taken for Python's own.
    command = [sys.executable, "-P", "-m", "dasktop.collectors.embedded_slurm.keeper", str(folder), str(os.getpid())]
    with (folder / LOG_NAME).open("ab") as log:
        # In a session of its own: Ctrl-C is for the program, which then ends this in its own time.
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )


def _write_commands(folder: Path) -> None:
    """Write each command as two lines of shell: no limit on the length of a path, as ``#!`` has one."""
    programs = folder / "bin"
    programs.mkdir()
    for command in COMMANDS:
        words = [sys.executable, "-I", "-S", client.__file__, str(folder), command]
        path = programs / command
        path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        path.chmod(0o755)


def _is_ready(stream: IO[bytes]) -> bool:
    readable, _, _ = select.select([stream], [], [], _START_SECONDS)
    with stream:
        return bool(readable) and stream.readline() == b"ready\n"


def _stop(keeper: "subprocess.Popen[bytes]", folder: Path, owner_pid: int) -> None:
    if os.getpid() != owner_pid:
        return
    log = folder / LOG_NAME
    if log.exists() and (faults := log.read_text(encoding="utf-8", errors="replace").strip()):
        _LOGGER.error("the embedded SLURM had a fault:\n%s", faults[-2000:])
    if keeper.stdin is not None:
        keeper.stdin.close()
    try:
        keeper.wait(_STOP_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
