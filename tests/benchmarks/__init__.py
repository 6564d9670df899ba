"""Benchmarks: ``make bench`` prints one line of JSON for each row; see CONTRIBUTING."""
