"""Textual widgets that several parts of the screen use."""
