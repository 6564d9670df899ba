"""The user's configuration: a table of what can be set, a TOML file, and what holds by both. Headless."""
