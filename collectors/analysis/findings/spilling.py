"""The rule for workers that spill results to a file system that many hosts share."""

from collections import defaultdict
from collections.abc import Iterator

from dasktop.collectors.analysis.findings.phrases import workers_words
from dasktop.collectors.analysis.findings.rule import DASK, PendingFinding, RuleContext, rule
from dasktop.collectors.model.file_systems import NETWORK_FILE_SYSTEMS
from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.collectors.text.format import plain_size


@rule("spills-to-network-disk", order=145, needs=(DASK,))
def spills_to_network_disk(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield a finding for each type of network file system that workers have spilled results to."""
    spilling: dict[str, list[tuple[Job | None, Worker]]] = defaultdict(list)
    for job, worker in context.workers:
        if worker.spilled_bytes and worker.file_system in NETWORK_FILE_SYSTEMS:
            spilling[worker.file_system].append((job, worker))
    for kind, members in spilling.items():
        spilled = sum(worker.spilled_bytes or 0 for _, worker in members)
        if spilled < context.thresholds.network_spill_bytes:
            continue
        workers = [worker for _, worker in members]
        folder = workers[0].local_directory
        verb = "has" if len(workers) == 1 else "have"
        yield PendingFinding(
            severity="warning",
            message=f"{workers_words(workers)} {verb} spilled {plain_size(spilled)} to a network file system ({kind}"
            + (f": {folder})" if folder else ")"),
            advice="spill to a disk of the node: --local-directory of the workers, local_directory= of the cluster "
            "object; or give the workers more memory",
            about=kind,
            job_ids=tuple(dict.fromkeys(job.job_id for job, _ in members if job is not None)),
            workers=tuple(worker.name for worker in workers),
        )
