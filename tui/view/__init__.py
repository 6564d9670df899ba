"""What the screen and the plain text show of a snapshot. Pure."""
