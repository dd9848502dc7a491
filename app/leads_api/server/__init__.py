"""Kit: the HTTP server (uvicorn's configuration and protocol) and the embedded database server."""
