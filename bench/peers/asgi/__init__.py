"""The floor: an ASGI function with a fixed answer."""
