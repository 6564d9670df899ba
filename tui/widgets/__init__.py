"""Textual widgets shared by several parts of the screen."""
