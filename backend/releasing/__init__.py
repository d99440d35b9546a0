"""Releases, rollouts and channels: who may be given which model, and what was."""
