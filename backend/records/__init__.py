"""What is kept for ever, and what is told to people."""
