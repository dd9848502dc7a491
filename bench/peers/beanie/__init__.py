"""FastAPI with Beanie."""
