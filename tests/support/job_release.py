"""Release a job on a cluster without SLURM: dask is real, and cancellations are only recorded."""

from collections.abc import Collection, Iterable

from dasktop.collectors.model.plan import JobToRelease, Progress, ReportProgress
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.scaling.lease import SchedulerLease
from dasktop.collectors.scaling.release import Release
from tests.support import snapshots


class NoSlurm:
    """Records which jobs are cancelled."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def check_one_cluster(self) -> None:
        """Accept: there is no SLURM here."""

    async def cancel(self, job_ids: Iterable[str]) -> None:
        self.cancelled += job_ids

    async def wait_until_gone(self, job_ids: Collection[str], seconds: float) -> tuple[str, ...]:
        return tuple(set(job_ids) - set(self.cancelled))


class JobRelease:
    """Releases job 7, to which some workers of the cluster belong."""

    def __init__(self, address: str, scheduler_id: str, workers: Iterable[str]) -> None:
        self.slurm = NoSlurm()
        self.steps: list[str] = []
        self.seen: Snapshot = snapshots.snapshot([])
        self._scheduler_id = scheduler_id
        self._lease = SchedulerLease(address, None)
        self._job = JobToRelease(
            job_id="7", name=None, state="RUNNING", workers=tuple(workers), executing=0, stored=0, why="chosen"
        )

    async def run(self, report: ReportProgress = lambda _: None, drain_seconds: float = 30.0) -> None:
        def note(progress: Progress) -> None:
            self.steps.append(progress.step)
            report(progress)

        await self._lease.take(self._scheduler_id, "somebody", "release 7")
        release = Release((self._job,), self._lease, self.slurm, self._look, note, drain_seconds)
        try:
            await release.execute()
        finally:
            await self._lease.ask("end", outcome="over")
            await self._lease.close()

    async def _look(self) -> Snapshot:
        return self.seen
