"""Which variables lead SLURM's commands to a cluster, and an environment that leads to one cluster only.

It never changes this process's own environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path

# As one finds them under "ENVIRONMENT VARIABLES" in the commands' manuals.
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
    """Return PATH with the system administrator's folders, which an ordinary user's PATH often lacks."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([*folders, *SYSTEM_FOLDERS]))


def without_slurm(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that no command of SLURM's reads."""
    return {name: value for name, value in environment.items() if not name.startswith(PREFIXES)}


def own_environment(slurm_conf: Path) -> dict[str, str]:
    """Return this process's environment, changed so that SLURM's commands speak to one cluster and no other."""
    return without_slurm(os.environ) | {"PATH": search_path(), "SLURM_CONF": str(slurm_conf)}
