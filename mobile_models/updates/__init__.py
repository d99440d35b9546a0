"""Signed updates: a TUF repository of static files, from the publisher's hand to a phone's disk."""
