"""The environment in which tests run: without settings of the user, and without periodic work in dask."""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.slurm.environment import without_slurm

# With an empty file SLURM's commands end at once; if the file is missing they wait a minute.
NO_SLURM = os.devnull
# dask parses each DASK_ variable as a Python literal, and Python warns about "8jin" (a number, then a keyword).
# After an underscore the random part of mkdtemp continues a name, and is never parsed as a number.
HOME_PREFIX = "dasktop_home_"
REQUIRE_SLURM = "DASKTOP_REQUIRE_SLURM"

_OURS = frozenset({REQUIRE_SLURM})
_SETTINGS = ("DASK_", "DASKTOP_", "LC_", "TEXTUAL", "XDG_")
_TERMINAL = frozenset({"CLICOLOR", "COLORTERM", "COLUMNS", "FORCE_COLOR", "LANGUAGE", "LINES", "NO_COLOR", "TMUX"})

QUIET_DASK = {
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "2s",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    # Else a process that had to wait for a core logs a warning, and tests check that dasktop causes no log lines.
    "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "1h",
    "DASK_DISTRIBUTED__WORKER__MEMORY__MONITOR_INTERVAL": "1s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}
"""Reduces the periodic work of schedulers and workers, which takes most of the CPU time of idle ones."""

STARTUP = str(Path(__file__).parent / "startup")
"""A folder with a ``sitecustomize.py`` for the processes that tests start."""

FORKSERVER = {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver"}
"""Workers of a nanny are forked from a process that has imported distributed: their parent is not the nanny.

See `tests.support.startup.worker_server`.
"""
SPAWN = {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "spawn"}
"""dask's default: the parent of workers is their nanny."""


def isolated_environment(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return an environment without settings of the user, in which all files of a user are below `home`.

    pip keeps its configuration and its cache. Python writes bytecode, since many tests start programs.
    """
    kept = {
        name: value
        for name, value in without_slurm(environment).items()
        if name in _OURS or not (name.startswith(_SETTINGS) or name in _TERMINAL or name == "PYTHONDONTWRITEBYTECODE")
    }
    return kept | {
        **_pip(environment),
        **QUIET_DASK,
        **FORKSERVER,
        "DASK_CONFIG": str(home / "dask"),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join([STARTUP, *filter(None, [environment.get("PYTHONPATH")])]),
        "SLURM_CONF": NO_SLURM,
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
    }


def _pip(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which pip uses the configuration and the cache of the user."""
    home = Path(environment.get("HOME", "/"))
    configured = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    kept = Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "pip"
    files = [file for file in (configured, home / ".pip" / "pip.conf") if file.is_file()]
    found = {"PIP_CONFIG_FILE": str(files[0])} if files else {}
    given = {name: environment[name] for name in ("PIP_CONFIG_FILE", "PIP_CACHE_DIR") if name in environment}
    return {"PIP_CACHE_DIR": str(kept)} | found | given


def with_default_dask_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without `QUIET_DASK`."""
    return {name: value for name, value in environment.items() if name not in QUIET_DASK | FORKSERVER}
