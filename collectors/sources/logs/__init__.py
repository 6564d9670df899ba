"""Reads the files that jobs write, a part at a time: of any size, and while they grow."""
