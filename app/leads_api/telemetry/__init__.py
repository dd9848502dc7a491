"""Kit: logs, metrics and traces."""
