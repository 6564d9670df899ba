"""Polls the sources, answers queries, and executes scaling plans."""
