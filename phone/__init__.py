"""A phone in Python: the reference client of the published format and the API."""
