"""What we know and how we answer: the database, the domain and the HTTP interface.

Domain modules are functions that take a `Session` first. They may flush and never commit: one request, or one
settled job, is one transaction, committed at its edge.
"""
