"""The environment variables that SLURM's commands read, and an environment that names one cluster only.

It never changes the environment of this process.
"""

import os
from collections.abc import Mapping
from pathlib import Path

# See "ENVIRONMENT VARIABLES" in the manual pages of the commands.
PREFIXES = (
    "SACCT_",
    "SALLOC_",
    "SBATCH_",
    "SCANCEL_",
    "SCONTROL_",
    "SINFO_",
    "SLURMD_",
    "SLURM_",
    "SPRIO_",
    "SQUEUE_",
    "SREPORT_",
    "SSHARE_",
    "SSTAT_",
)

SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")


def search_path() -> str:
    """Return PATH with the sbin folders, which the PATH of an ordinary user often lacks."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([*folders, *SYSTEM_FOLDERS]))


def without_slurm(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the variables that SLURM's commands read."""
    return {name: value for name, value in environment.items() if not name.startswith(PREFIXES)}


def environment_for(slurm_conf: Path) -> dict[str, str]:
    """Return the environment of this process, changed so that SLURM's commands use one cluster only."""
    return without_slurm(os.environ) | {"PATH": search_path(), "SLURM_CONF": str(slurm_conf)}
