"""The tests of dasktop."""
