"""The exit statuses of the commands; part of the command line's interface."""

INTERNAL_ERROR = 1
USAGE = 2
NO_SCHEDULER = 3
"""None found, several found, or unreachable."""
FINDINGS = 4
"""A finding matched ``--fail-on``."""
REFUSED = 5
"""Refused or not completed."""
INTERRUPTED = 130
"""The shell's status for SIGINT."""
SIGNAL_STATUS = 128
"""Shells report this plus the number of the signal."""
