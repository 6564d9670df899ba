"""Read log files of jobs part by part, of any size and while they grow."""
