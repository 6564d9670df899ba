"""Starts and watches the controller of an embedded SLURM (`python -m …supervisor FOLDER PARENT_PID`).

Ends with the program that started it. If either of supervisor and controller is killed, the other one ends all jobs
and removes all files.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from dasktop.collectors.embedded_slurm.processes import adopt_orphans, end_processes
from dasktop.collectors.embedded_slurm.settings import LOG_NAME, Settings

_CHECK_SECONDS = 0.5
_END_SECONDS = 2.0
# The controller ends its jobs first, within its own time limit.
_CONTROLLER_SECONDS = 8.0
_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


def main(folder: Path, parent_pid: int) -> None:
    """Run an embedded SLURM in `folder` until the program `parent_pid` ends or closes the pipe."""
    for number in _SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    adopt_orphans()
    settings = Settings.read(folder)
    with (folder / LOG_NAME).open("ab") as log:
        controller = subprocess.Popen(
            [sys.executable, "-P", "-m", "dasktop.collectors.embedded_slurm.controller", str(folder)],
            stdin=subprocess.PIPE,
            stderr=log,
        )
    # The program waits until the controller writes to this stream, or all its writers have closed it.
    os.close(1)
    try:
        while _wanted(parent_pid) and controller.poll() is None:
            pass
        if controller.poll() is not None:
            end_processes(settings.token, _END_SECONDS, [os.getpid()])
        # Without the controller the commands still exist; they fail as SLURM's do when slurmctld is down.
        while _wanted(parent_pid):
            pass
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if controller.stdin is not None:
            controller.stdin.close()
        try:
            controller.wait(_CONTROLLER_SECONDS)
        except subprocess.TimeoutExpired:
            controller.kill()
        end_processes(settings.token, _END_SECONDS, [os.getpid()])
        shutil.rmtree(folder, ignore_errors=True)


def _wanted(parent_pid: int) -> bool:
    """Return whether the program still runs. After its end, a fork of it may keep the pipe open."""
    readable, _, _ = select.select([0], [], [], _CHECK_SECONDS)
    return not readable and os.getppid() == parent_pid


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
