"""Import and export of leads as files: CSV and NDJSON."""
