"""Activations that do not change, kept where training begins and used again."""
