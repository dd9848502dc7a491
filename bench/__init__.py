"""How fast the service is, beside others that do the same work on the same database; see README.md."""
