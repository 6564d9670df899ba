"""Find out why the cluster object could not submit jobs: it does not keep sbatch's message. Submits nothing."""

import contextlib

from msgspec.structs import replace

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.readings import DaskReading
from dasktop.collectors.sources.slurm.collector import SlurmCollector

MOST_SCRIPTS_TRIED = 5
"""Per scheduler, which may return another script at each poll; each costs one call of ``sbatch --test-only``."""


class SubmitError:
    """sbatch's message for the script of a job that could not be submitted."""

    def __init__(self) -> None:
        self._script: str | None = None
        self._message: str | None = None
        self._tried = 0

    async def find(self, reading: DaskReading | None, slurm: SlurmCollector) -> None:
        """Run ``sbatch --test-only`` with the script of this reading, once per script."""
        script = reading.refused_script if reading else None
        if script is None or script == self._script or self._tried == MOST_SCRIPTS_TRIED:
            return
        self._tried += 1
        self._script, self._message = script, None
        with contextlib.suppress(SourceError):  # the message stays unknown
            self._message = await slurm.sbatch_error(script)

    def added_to(self, reading: DaskReading | None) -> DaskReading | None:
        """Return the reading with the message for the jobs that the owner could not submit."""
        if reading is None or self._script is None or reading.refused_script != self._script:
            return reading
        owner = reading.cluster.owner
        if owner is None:
            return reading
        return replace(reading, cluster=replace(reading.cluster, owner=replace(owner, submit_error=self._message)))
