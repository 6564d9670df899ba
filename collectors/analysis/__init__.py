"""What readings and snapshots mean. Pure: no I/O and no clock."""
