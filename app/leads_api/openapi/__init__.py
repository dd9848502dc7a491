"""Kit: the OpenAPI document, its words, and the page that shows it."""
