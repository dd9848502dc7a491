"""Kit: the OpenAPI document, its general texts, and the documentation page."""
