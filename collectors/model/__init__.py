"""Immutable records that the other packages share, and pure functions of them. No I/O."""
