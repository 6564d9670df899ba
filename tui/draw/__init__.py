"""Text with roles, bars, colours, numbers and times. Pure."""
