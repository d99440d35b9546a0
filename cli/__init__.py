"""The `wastelens` command, a thin strip over all of it."""
