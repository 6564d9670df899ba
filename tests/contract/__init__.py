"""Tests that run on the embedded and on a real SLURM: both must report the same about the same jobs."""
