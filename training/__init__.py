"""Training: a dataset snapshot directory in, a run directory out. Knows no web, database or queue."""
