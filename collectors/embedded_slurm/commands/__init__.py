"""SLURM's commands as functions from a call to a reply; one file per command. They start and end no processes."""
