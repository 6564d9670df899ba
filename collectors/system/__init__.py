"""The process and the machine: event loops, folders, files, users."""
