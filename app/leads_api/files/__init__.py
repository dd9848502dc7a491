"""A lead's stored files: references to immutable contents."""
