"""Pure functions of readings and snapshots: reconciliation, findings, usage, anatomy. No I/O, no clock."""
