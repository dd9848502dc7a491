"""Kit: the HTTP server, and the embedded database server."""
