"""The names of a network's parts, by which all others find them."""

BACKBONE, EMBEDDING, LOGITS = "backbone", "embedding", "logits"
Shape = tuple[int, int, int]
"""Height, width and channels of a photo."""
