"""Polls the sources, answers queries, and executes plans."""
