"""From a recipe to the phones: runs, what they proved, releases, rollouts and channels."""
