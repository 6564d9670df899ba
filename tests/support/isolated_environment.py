"""The environment that tests run in: none of the user's settings, and a dask that does nothing by the clock."""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.slurm.environment import without_slurm

# An empty file: SLURM's commands then end at once, while for a file that is missing they wait a minute.
NO_SLURM = os.devnull
# dask reads each DASK_ variable as a Python literal, and Python warns of "8jin" (a number, then a keyword) on stderr.
# After an underscore, what mkdtemp makes up goes on with a name and is never a number.
HOME_PREFIX = "dasktop_home_"
REQUIRE_SLURM = "DASKTOP_REQUIRE_SLURM"

_NOT_THE_USERS = frozenset({REQUIRE_SLURM})
_SETTINGS = ("DASK_", "DASKTOP_", "LC_", "TEXTUAL", "XDG_")
_TERMINAL = frozenset({"CLICOLOR", "COLORTERM", "COLUMNS", "FORCE_COLOR", "LANGUAGE", "LINES", "NO_COLOR", "TMUX"})

QUIET_DASK = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}
"""Switches off what every scheduler and worker does by the clock, idle too: half of their CPU time."""

STARTUP = str(Path(__file__).parent / "startup")
"""A folder with a ``sitecustomize.py`` for the many processes that tests start."""

FORKSERVER = {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver"}
"""For clusters with several workers a nanny, which then import distributed once. A worker's parent is not its nanny."""


def isolated_environment(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return an environment without the user's settings, in which everything kept per user lies below `home`.

    What pip is told stays, and what it keeps. Python keeps bytecode, since so many tests start programs.
    """
    kept = {
        name: value
        for name, value in without_slurm(environment).items()
        if name in _NOT_THE_USERS
        or not (name.startswith(_SETTINGS) or name in _TERMINAL or name == "PYTHONDONTWRITEBYTECODE")
    }
    return kept | {
        **_pip(environment),
        **QUIET_DASK,
        "DASK_CONFIG": str(home / "dask"),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join([STARTUP, *filter(None, [environment.get("PYTHONPATH")])]),
        "SLURM_CONF": NO_SLURM,
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
    }


def _pip(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables that lead pip to what the user has for it: a tests' environment installs from there, too."""
    home = Path(environment.get("HOME", "/"))
    configured = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    kept = Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "pip"
    files = [file for file in (configured, home / ".pip" / "pip.conf") if file.is_file()]
    found = {"PIP_CONFIG_FILE": str(files[0])} if files else {}
    given = {name: environment[name] for name in ("PIP_CONFIG_FILE", "PIP_CACHE_DIR") if name in environment}
    return {"PIP_CACHE_DIR": str(kept)} | found | given


def with_default_dask_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the settings that make dask quiet."""
    return {name: value for name, value in environment.items() if name not in QUIET_DASK}
