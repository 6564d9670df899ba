"""When sources are polled, and what is asked besides."""
