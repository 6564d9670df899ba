"""Starting ``dask scheduler`` and ``dask worker`` from a process that has imported distributed once.

A start takes a tenth of the CPU time then, nearly all of which are imports. What differs from a start as a user's: the
command line and the environment in ``/proc``, and the parent, which is `multiprocessing`'s fork server.
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

MODULES = ("distributed.cli.dask_scheduler", "distributed.cli.dask_worker")
_PREFIX = "DASK_"
_configured: list[dict[str, str]] = []
"""The variables that dask reads when it is imported, as the fork server has them; empty until it runs."""


def can_fork(environment: Mapping[str, str]) -> bool:
    """Return whether a process with this environment would read the same configuration of dask's."""
    return not _configured or _configured[0] == _settings(environment)


def fork(module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """Start a command of dask's in a session of its own, in its log's folder.

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
    tempfile.tempdir = None  # to be read anew
    sys.argv = [module, *arguments]
    importlib.import_module(module).main(arguments)
