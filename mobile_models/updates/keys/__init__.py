"""Signing keys and what is signed with them where no server is."""
