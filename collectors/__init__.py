"""The code that communicates with dask and SLURM; usable as a library, without a user interface.

Reads both, and reconciles the readings into one frozen `Snapshot`.
"""
