"""Which of pytest-xdist's workers runs a test: a file's tests stay together, and so do all that need the real SLURM.

Expensive fixtures are made once a file; tests that were stolen by another worker, as with ``--dist=worksteal``, would
make them again. One worker has the only real SLURM, so that it is brought up once, and no test sees another's jobs.
"""

from xdist.scheduler.loadscope import LoadScopeScheduling

SLURM_GROUP = "slurm"


class ByFileAndSlurm(LoadScopeScheduling):
    """Hands out files, those with the most tests first, and the group of SLURM's tests before all."""

    def _split_scope(self, nodeid: str) -> str:
        # With --dist=loadgroup, pytest-xdist writes the group behind the test's own id.
        return SLURM_GROUP if nodeid.endswith(f"@{SLURM_GROUP}") else nodeid.split("::", 1)[0]

    def _assign_work_unit(self, node) -> None:  # type: ignore[no-untyped-def]
        if SLURM_GROUP in self.workqueue:
            self.workqueue.move_to_end(SLURM_GROUP, last=False)
        super()._assign_work_unit(node)
