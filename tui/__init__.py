"""The command line and the Textual screen. Draws snapshots; does no I/O in the screen's thread."""
