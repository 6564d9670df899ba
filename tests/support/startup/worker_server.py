"""Fork the server from which a nanny's workers are forked, before anything else runs in the process of the nanny.

Otherwise multiprocessing starts another Python for it, which imports everything again: a quarter of the CPU time of a
job of two workers.
"""

import os
from contextlib import suppress
from multiprocessing import forkserver, util
from pathlib import Path

VARIABLE = "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD"
STANDARD_STREAMS = (0, 1, 2)


def is_wanted(command: list[str]) -> bool:
    """Return whether Python with these arguments runs a nanny, and the fork server is configured."""
    runs_worker = command[:2] == ["-m", "distributed.cli.dask_worker"] or command[:3] == ["-m", "dask", "worker"]
    return runs_worker and "--no-nanny" not in command and os.environ.get(VARIABLE) == "forkserver"


def start() -> None:
    """Import distributed, and fork the server."""
    import distributed  # noqa: F401 - the server must have imported it

    spawn = util.spawnv_passfds
    util.spawnv_passfds = _fork
    try:
        forkserver.ensure_running()
    finally:
        util.spawnv_passfds = spawn


def _fork(_: bytes, arguments: list[str], passed: list[int]) -> int:
    """Run the code of ``python -c CODE`` in a fork that keeps only the passed files open; return its process id."""
    pid = os.fork()
    if pid == 0:
        try:
            for descriptor in [int(file.name) for file in Path("/proc/self/fd").iterdir()]:
                if descriptor not in (*STANDARD_STREAMS, *passed):
                    with suppress(OSError):  # the one with which the folder was listed
                        os.close(descriptor)
            exec(arguments[-1], {})
        finally:
            os._exit(0)
    return pid
