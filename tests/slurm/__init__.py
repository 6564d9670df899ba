"""A real SLURM for tests: brought up in a folder of its own, taken down whole.

It never touches a SLURM, a munge or a database that it did not start.
"""
