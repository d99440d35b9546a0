"""What phones report, and what follows for a rollout."""
