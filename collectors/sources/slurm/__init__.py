"""The SLURM source: run SLURM's commands, parse their output, return readings."""
