"""Scaling from the keyboard: forms, the plan dialog, and the controller."""
