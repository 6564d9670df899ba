"""Start ``dask scheduler`` and ``dask worker`` from a process that has already imported distributed.

A start then takes a tenth of the CPU time, which is mostly spent on imports. Differences to a normal start: the command
line and the environment in ``/proc``, and the parent process, which is the fork server of `multiprocessing`.
"""

import importlib
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from unittest import mock

from tests.support.startup import worker_server

MODULES = ("distributed.cli.dask_scheduler", "distributed.cli.dask_worker")
_PREFIX = "DASK_"
_configured: list[dict[str, str]] = []
"""The variables of the fork server that dask reads at import; empty until the fork server runs."""


def can_fork(environment: Mapping[str, str]) -> bool:
    """Return whether dask has the same configuration in the fork server and with this environment."""
    return not _configured or _configured[0] == _settings(environment)


def fork(module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """Start a dask command in its own session, in the folder of its log.

    Parameters
    ----------
    module
        One of `MODULES`.
    environment
        The whole environment of the process; see `can_fork`.
    """
    context = multiprocessing.get_context("forkserver")
    if not _configured:
        context.set_forkserver_preload([*MODULES, __name__])
        _configured.append(_settings(environment))
        with mock.patch.dict(os.environ, _configured[0]):
            forkserver.ensure_running()
    process = context.Process(target=_run, args=(module, list(arguments), dict(environment), str(log)))
    process.start()
    return process


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_PREFIX)}


def _run(module: str, arguments: list[str], environment: dict[str, str], log: str) -> None:
    os.setsid()
    os.chdir(Path(log).parent)
    written = os.open(log, os.O_WRONLY | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(written, standard)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    tempfile.tempdir = None  # so that it is read again
    sys.argv = [module, *arguments]
    if worker_server.is_wanted(["-m", *sys.argv]):
        worker_server.start()
    importlib.import_module(module).main(arguments)
