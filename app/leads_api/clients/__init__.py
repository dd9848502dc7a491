"""Clients, which conversion creates from leads (contract, sections 3 "Convert" and 4)."""
