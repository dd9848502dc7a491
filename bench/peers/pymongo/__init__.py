"""FastAPI with PyMongo's asynchronous client."""
