"""What dask and what SLURM say of the CPU and memory use of a job, side by side. Pure."""

from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.model.sums import sum_of_known
from dasktop.tui.draw import numbers as figures


def memory_of_both(job: Job) -> str:
    """Return ``dask 3.4G, SLURM 5.1G``; empty while SLURM's figure is unknown."""
    dask = sum_of_known(worker.memory_bytes for worker in workers_of(job))
    slurm = job.used.slurm_memory_bytes
    if slurm is None and job.used.memory_source == "slurm":  # as older recordings have it
        slurm = job.used.memory_bytes
    if slurm is None:
        return ""
    return f"dask {figures.bytes_text(dask)}, SLURM {figures.bytes_text(slurm)}"


def cpu_of_both(job: Job) -> str:
    """Return both as shares of the job's CPUs: ``dask 33%, SLURM 78%``; empty while SLURM's figure is unknown."""
    cpus = job.allocated.cpus
    dask = sum_of_known(worker.cpu_percent for worker in workers_of(job))
    slurm = job.used.slurm_cpu_percent
    if slurm is None and job.used.cpu_source == "slurm":
        slurm = job.used.cpu_percent
    if slurm is None or cpus is None:
        return ""
    shares = (figures.share(percent, 100 * cpus) for percent in (dask, slurm))
    of_dask, of_slurm = map(figures.percent_text, shares)
    return f"dask {of_dask}, SLURM {of_slurm}"


def marked_difference(job: Job) -> tuple[str, str]:
    """Return both figures, and dask's, which a row does not show, if SLURM's is clearly larger; else empty texts.

    They are those of memory, if both differ.
    """
    both = ""
    if job.used.memory_source == "slurm":
        both = memory_of_both(job)
    elif job.used.cpu_source == "slurm":
        both = cpu_of_both(job)
    return both, both.partition(",")[0]
