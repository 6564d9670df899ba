"""Jobs that the cluster object wants and SLURM doesn't take."""

from collections.abc import Iterator

from dasktop.collectors.analysis.findings.rule import PendingFinding, RuleContext
from dasktop.collectors.text.format import counted


def jobs_not_submitted(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect an owner some of whose jobs could not be submitted. By itself it tries none of them again."""
    owner = scene.snapshot.cluster.owner
    if owner is None or not owner.not_submitted:
        return
    number, wanted = len(owner.not_submitted), len(owner.wanted or owner.not_submitted)
    of = f"{number:,} of the {counted(wanted, 'job')}" if number < wanted else f"the {counted(wanted, 'job')}"
    why = f": {owner.submit_error}" if owner.submit_error else ""
    yield PendingFinding(
        severity="error",
        message=f"{of} that the {owner.class_name} wants could not be submitted{why}",
        advice=f"correct how the {owner.class_name} is made, and make it anew; "
        "cluster.job_script() shows what sbatch is given",
        about="submission",
    )
