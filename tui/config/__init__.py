"""The user's configuration: one table of settings, the TOML file, and the effective values. Headless."""
