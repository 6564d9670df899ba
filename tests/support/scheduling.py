"""Distribution of tests to pytest-xdist workers: by file, and all tests of the real SLURM to one worker.

Expensive fixtures are set up once a file; with ``--dist=worksteal`` another worker would set them up again. One worker
has the only real SLURM, so it is started once, and no test sees jobs of another.
"""

from xdist.scheduler.loadscope import LoadScopeScheduling

SLURM_GROUP = "slurm"


class FileAndSlurmScheduling(LoadScopeScheduling):
    """Distributes the group of SLURM tests first, then the files with the most tests."""

    def _split_scope(self, nodeid: str) -> str:
        # With --dist=loadgroup, pytest-xdist appends the group to the id of the test.
        return SLURM_GROUP if nodeid.endswith(f"@{SLURM_GROUP}") else nodeid.split("::", 1)[0]

    def _assign_work_unit(self, node) -> None:  # type: ignore[no-untyped-def]
        if SLURM_GROUP in self.workqueue:
            self.workqueue.move_to_end(SLURM_GROUP, last=False)
        super()._assign_work_unit(node)
