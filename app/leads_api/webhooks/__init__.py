"""Webhooks: events sent to receivers of your own (contract, section 5)."""
