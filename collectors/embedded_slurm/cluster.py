"""Start an embedded SLURM for a program, and stop it when the program ends.

The jobs belong to the controller process. It ends when the program's pipe to it closes, however the program ends.
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

# Set for programs that run on an embedded SLURM; the path of its folder.
FOLDER_VARIABLE = "DASKTOP_EMBEDDED_SLURM"
_LOGGER = logging.getLogger(__name__)
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_OF_SLURM = ("SLURM", "SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_", "SRUN_", "SSTAT_", "SCONTROL_")


class EmbeddedSlurmError(RuntimeError):
    """An embedded SLURM did not start; the text contains its log."""


class EmbeddedSlurm:
    """A private SLURM: real commands, virtual nodes, real processes.

    Parameters
    ----------
    nodes, cpus_per_node, memory_per_node_mb, gpus_per_node
        The virtual nodes. They may have more CPUs than the machine: jobs are not bound to CPUs.
    folder
        Parent of its own folder (default: the system's temporary folder). All its files are in its own folder, which
        is removed when it ends. The file system must allow executing programs.
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
        """Its own folder, while it runs."""
        if self._folder is None:
            raise EmbeddedSlurmError("this embedded SLURM is not running")
        return self._folder

    @property
    def work(self) -> Path:
        """A folder for output of jobs; removed when this SLURM ends."""
        return self.folder / "work"

    @property
    def environment(self) -> dict[str, str]:
        """The environment for programs: its commands are first on PATH, and no other SLURM can be reached."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_SLURM)}
        return {
            **kept,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            # If a command of a real SLURM is run instead, it must not find its cluster. With an empty file it ends at
            # once; with a missing one it waits a minute.
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
        """Start it; return when its commands work.

        Raises
        ------
        EmbeddedSlurmError
            It did not start.
        """
        folder = Path(tempfile.mkdtemp(prefix="dasktop-slurm-", dir=self._parent)).resolve()
        try:
            (folder / "work").mkdir()
            self.settings.write(folder)
            _write_commands(folder)
            supervisor = _start_supervisor(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._folder = folder
        # Runs when it is closed or collected, or the interpreter ends; not in a fork of this program.
        self._stop = weakref.finalize(self, _stop, supervisor, folder, os.getpid())
        if supervisor.stdout is None or not _is_ready(supervisor.stdout):
            text = (folder / LOG_NAME).read_text(encoding="utf-8", errors="replace").strip()
            (folder / LOG_NAME).write_text("")
            self.close()
            raise EmbeddedSlurmError(f"the embedded SLURM did not start: {text[-2000:] or 'it printed nothing'}")

    def close(self) -> None:
        """End all its jobs and itself, and remove its folder. May be called twice."""
        if self._stop is not None:
            self._stop()
        self._stop = self._folder = None


def _start_supervisor(folder: Path) -> "subprocess.Popen[bytes]":
    # -P: a json.py in the current folder must not be imported instead of Python's own.
    command = [
        sys.executable,
        "-P",
        "-m",
        "dasktop.collectors.embedded_slurm.supervisor",
        str(folder),
        str(os.getpid()),
    ]
    with (folder / LOG_NAME).open("ab") as log:
        # In a session of its own: Ctrl-C reaches only the program, which then stops this.
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )


def _write_commands(folder: Path) -> None:
    """Write each command as two lines of shell, since ``#!`` limits the length of a path."""
    programs = folder / "bin"
    programs.mkdir()
    for command in COMMANDS:
        arguments = [sys.executable, "-I", "-S", client.__file__, str(folder), command]
        path = programs / command
        path.write_text(f'#!/bin/sh\nexec {shlex.join(arguments)} "$@"\n', encoding="utf-8")
        path.chmod(0o755)


def _is_ready(stream: IO[bytes]) -> bool:
    readable, _, _ = select.select([stream], [], [], _START_SECONDS)
    with stream:
        return bool(readable) and stream.readline() == b"ready\n"


def _stop(supervisor: "subprocess.Popen[bytes]", folder: Path, owner_pid: int) -> None:
    if os.getpid() != owner_pid:
        return
    log = folder / LOG_NAME
    if log.exists() and (faults := log.read_text(encoding="utf-8", errors="replace").strip()):
        _LOGGER.error("error in the embedded SLURM:\n%s", faults[-2000:])
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    try:
        supervisor.wait(_STOP_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
