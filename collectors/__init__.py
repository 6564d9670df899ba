"""Everything that speaks to dask or SLURM, usable as a library.

Reads the two, reconciles what they say into one frozen `Snapshot`, and never draws a screen.
"""
