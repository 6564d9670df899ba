"""A small SLURM to embed in a program: real commands and real processes, and no daemon to install."""

from dasktop.collectors.embedded_slurm.cluster import EmbeddedSlurm, EmbeddedSlurmError
from dasktop.collectors.embedded_slurm.settings import Partition

__all__ = ["EmbeddedSlurm", "EmbeddedSlurmError", "Partition"]
