"""The sources of a snapshot: SLURM, dask, log files."""
