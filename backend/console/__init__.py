"""The console: pages on which the city's staff does its whole work, rendered on the server.

Guarantees: nothing changes by GET; every page works without script (htmx and a few files of ours only make it quicker);
every text passes the catalogues of `locales/`, and every value passes the escaping of the templates.
"""
