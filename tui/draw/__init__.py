"""Pieces of text, bars, colors and numbers. Pure."""
