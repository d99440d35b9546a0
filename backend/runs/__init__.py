"""Training as it is asked for: runs, configurations, their files and figures."""
