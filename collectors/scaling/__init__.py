"""Scaling: what a target would mean (`plan`, pure), and doing it without losing work (`carry_out`)."""
