"""A phone in Python: the reference client. It sees the published format and HTTP, nothing else."""
