"""SLURM's commands, as functions from a call to a reply. One file a command; none of them touches a process."""
