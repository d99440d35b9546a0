"""What a model answers to photos it has never seen, how sure it may be, and what it does elsewhere."""
