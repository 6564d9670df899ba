"""The log screen of a job: follow, search, wrap."""
