"""The command line and the Textual screen. Draws snapshots, and does no I/O of its own on the screen's thread."""
