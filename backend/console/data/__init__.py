"""Photos found, shown on a map, covered, hidden and exported; data sets, and what changed between two of them."""
