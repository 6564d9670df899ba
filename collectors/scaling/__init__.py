"""Scaling: plan how to reach a target (`plan`, pure), and release or submit jobs without losing work."""
