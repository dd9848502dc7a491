"""Checklists: the checklist items of a lead (contract, section 4)."""
