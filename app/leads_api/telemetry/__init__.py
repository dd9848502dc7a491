"""Kit: logs."""
