"""Starts the controller of an embedded SLURM and outlives its accidents (`python -m …keeper FOLDER PARENT_PID`).

Ends with the program that holds its lifeline. The two watch each other: whichever is left ends every job and file.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from dasktop.collectors.embedded_slurm.processes import adopt_orphans, sweep
from dasktop.collectors.embedded_slurm.settings import LOG_NAME, Settings

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0
# The controller ends its jobs first, which takes it as long as they take, and no longer than its own patience.
_CONTROLLER_SECONDS = 8.0
_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


def main(folder: Path, parent_pid: int) -> None:
    """Keep an embedded SLURM in `folder` for as long as the program `parent_pid` lives and wants it."""
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
    # The program waits for the controller's word, and for the end of this stream should it never come.
    os.close(1)
    try:
        while _wanted(parent_pid) and controller.poll() is None:
            pass
        if controller.poll() is not None:
            sweep(settings.token, _PATIENCE_SECONDS, [os.getpid()])
        # With the controller gone its commands stay, and say what SLURM's say when theirs is down.
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
        sweep(settings.token, _PATIENCE_SECONDS, [os.getpid()])
        shutil.rmtree(folder, ignore_errors=True)


def _wanted(parent_pid: int) -> bool:
    """Wait a little for the lifeline to be cut; a fork of the program may hold it still when the program is gone."""
    readable, _, _ = select.select([0], [], [], _LOOK_SECONDS)
    return not readable and os.getppid() == parent_pid


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
