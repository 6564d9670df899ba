"""The SLURM half: run SLURM's commands, parse what they print, hand over readings."""
