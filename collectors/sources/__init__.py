"""What is asked: SLURM, dask, log files."""
