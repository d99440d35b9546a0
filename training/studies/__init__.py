"""Questions that take many runs: folds, searches, and the papers' tables."""
