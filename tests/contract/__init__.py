"""One set of tests for two SLURMs: the embedded one and a real one must say the same of the same jobs."""
