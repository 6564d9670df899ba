"""Compares a dask-jobqueue call with the job script, SLURM's allocation and the running workers. Pure."""
