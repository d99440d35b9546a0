"""Bins and rules of a city, in versions."""
