"""Scaling from the keyboard: the forms, the plan that is shown, and who keeps the order."""
