"""Actions of the screen that change the cluster. Each only calls the controller."""

from collections.abc import Sequence

from dasktop.tui.scaling.controller import ScalingController


class ScalingActions:
    """The part of the app that passes keys to the scaling of the cluster."""

    _scaling: ScalingController

    @property
    def chosen_jobs(self) -> Sequence[str]:
        """The jobs to release."""
        raise NotImplementedError

    def action_add_job(self) -> None:
        """Add a job."""
        self._scaling.add_one()

    def action_remove_job(self) -> None:
        """Ask whether to remove a job."""
        self._scaling.remove_one()

    def action_scale(self) -> None:
        """Open the scaling form."""
        self._scaling.scale_by_form()

    def action_adapt(self) -> None:
        """Open the form for adaptive scaling."""
        self._scaling.adapt_by_form()

    def action_release(self) -> None:
        """Ask whether to release the marked jobs or, if there are none, the selected row's."""
        if job_ids := self.chosen_jobs:
            self._scaling.release(job_ids)

    def action_replace_lost(self) -> None:
        """Resubmit jobs that have ended in SLURM but that the cluster object still expects."""
        self._scaling.replace_lost()
