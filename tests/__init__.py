"""The tests of dasktop: one file a concern."""
