"""The SLURM programs that are not installed here.

It never installs or starts anything.
"""

import shutil
from collections.abc import Mapping, Sequence

import pytest

from tests.slurm.environment import search_path

COMMANDS = ("sacct", "sacctmgr", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun", "sstat")
DAEMONS = ("munged", "slurmctld", "slurmd", "slurmdbd", "mariadbd", "mariadb-install-db")
REASON = "SLURM's programs are not installed"


def missing_programs() -> list[str]:
    """Return the programs that our own SLURM needs and that are not installed."""
    path = search_path()
    return [program for program in (*COMMANDS, *DAEMONS) if shutil.which(program, path=path) is None]


def skip_or_fail(missing: Sequence[str], environment: Mapping[str, str], reason: str = REASON) -> None:
    """Skip the running test because programs are missing, or fail it where they are required.

    They are required where ``CI`` is ``true`` or ``DASKTOP_REQUIRE_SLURM`` is ``1``.
    """
    if not missing:
        return
    reason = f"{reason}: {', '.join(missing)}"
    if environment.get("CI") == "true" or environment.get("DASKTOP_REQUIRE_SLURM") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
