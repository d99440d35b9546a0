"""Ways in, and out again."""
