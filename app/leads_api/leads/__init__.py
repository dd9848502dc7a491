"""Leads: model, schemas, routes, store, listing, and the use cases convert, clone, delete (contract, sections 2, 3)."""
