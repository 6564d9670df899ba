"""Cleaning of text from outside, search patterns, and formatting of numbers, sizes and durations. Pure."""
