"""A real SLURM for tests, started in its own folder and stopped completely.

It never uses a SLURM, a munge or a database that it did not start.
"""
