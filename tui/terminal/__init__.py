"""The terminal: what it can do, how things are drawn on it, what is typed and what is sent."""
