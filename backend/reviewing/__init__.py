"""What reviewers see, in which order, what they say, and what follows from it."""
