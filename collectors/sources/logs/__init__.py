"""Reads the log files of jobs, a part at a time: of any size, and while they grow."""
