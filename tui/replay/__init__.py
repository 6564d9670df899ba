"""The screen for a recording."""
