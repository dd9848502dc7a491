"""Clients: what converted leads become (contract, sections 3 "Convert" and 4)."""
