"""A program ``python`` whose processes are forked from one that has already imported dask and dasktop.

A start then takes a tenth of the CPU time, which is mostly spent on imports. It is a shell script that asks the server
(`tests.support.fork_server`) for the process, passes signals on to it, and ends as it ends. Differences to a normal
start: the process is not a child of the script, its command line and environment in ``/proc`` are those of the server,
and it has no controlling terminal. For tests that depend on these, use ``sys.executable``.
"""

import atexit
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]
_LAUNCHER = """#!/bin/sh
# Stands in for Python: see tests/support/forked_python.py.
folder={folder}
mkfifo "$folder/$$" || exit
# The server opens the copies of the standard streams: `echo` and `read` replace these.
# The FIFO may be gone as soon as the process runs. Its other end is open for writing only until then: if the server
# ends, reading ends, too.
exec 3<>"$folder/$$" 4<"$folder/$$" 5<&0 6>&1 7>&2
signals="HUP INT QUIT TERM USR1 USR2 WINCH" pid= early=
pass_on() {{
    if [ -n "$pid" ]; then kill "-$1" "$pid" 2>&-; else early="$early $1"; fi
}}
for name in $signals; do trap "pass_on $name" $name; done
until echo $$ >"$folder/requests"; do :; done
until read -r pid <&3; do :; done
if [ "$pid" = exec ]; then
    trap - $signals
    for name in $early; do kill "-$name" $$; done
    exec {python} "$@" 3<&- 4<&- 5<&- 6>&- 7>&-
fi
for name in $early; do kill "-$name" "$pid" 2>&-; done
exec 3<&- 5<&- 6>&- 7>&-
# Only `wait` is interrupted by all signals: `read` may begin just after one. The server writes the status twice.
(trap '' $signals; read -r status <&4) &
ended=128
while [ $ended -ge 128 ]; do
    wait $!
    ended=$?
done
read -r status <&4 || exit 1
case $status in
-*)
    trap - "${{status#-}}"
    kill "$status" $$
    ;;
esac
exit "$status"
"""
_folder: list[Path] = []
"""The folder of the server, once it runs."""


def forked_python() -> str:
    """Return the path of the program; the first call starts the server, which ends with this process.

    Python is started normally where the server's imports depend on other settings than its own, and everywhere if this
    system has no pidfd, which is Linux 5.3 and newer.
    """
    if not can_fork():
        return sys.executable
    if not _folder:
        _folder.append(Path(tempfile.mkdtemp(prefix="dasktop-forked-")))
        _start_server(_folder[0])
    return str(_folder[0] / "python")


@cache
def can_fork() -> bool:
    """Return whether the server can run here."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return Path("/proc/self/environ").exists()


def with_forked_python(command: Sequence[str]) -> list[str]:
    """Return a command with this Python replaced by the forked one."""
    return [forked_python() if word == sys.executable else word for word in command]


def jobs_in_forked_python() -> dict[str, str]:
    """Return the variable with which a `SLURMCluster` uses it for the workers of its jobs."""
    return {"DASK_JOBQUEUE__SLURM__PYTHON": forked_python()}


def _start_server(folder: Path) -> None:
    os.mkfifo(folder / "requests")
    program = folder / "python"
    program.write_text(_LAUNCHER.format(folder=shlex.quote(str(folder)), python=shlex.quote(sys.executable)))
    program.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.fork_server", str(folder)],
        stdin=subprocess.DEVNULL,
        cwd=_REPOSITORY,
        env=os.environ | jobs_in_forked_python(),
        start_new_session=True,
    )

    def stop() -> None:
        server.terminate()
        server.wait()

    atexit.register(stop)
