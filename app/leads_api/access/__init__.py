"""API keys: mint, verify, list, revoke (contract, sections 1 "Auth" and 6)."""
