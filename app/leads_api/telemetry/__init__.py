"""Kit: what the service tells those who run it."""
