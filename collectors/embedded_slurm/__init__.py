"""A SLURM small enough to embed: real commands and real processes, and no daemon to install."""
