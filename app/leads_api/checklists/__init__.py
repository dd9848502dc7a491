"""Checklists: a lead's to-do items, with comments of their own (contract, section 4)."""
