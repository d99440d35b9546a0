"""Frozen data sets: what goes in, how two differ, and how they leave as folders."""
