"""The leads: what the service exists for (contract, sections 2 and 3)."""
