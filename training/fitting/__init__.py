"""From a snapshot to a fitted float model: batches, views, losses, optimisers, checkpoints."""
