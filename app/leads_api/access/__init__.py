"""API keys and the authenticator (contract, sections 1 "Auth" and 6)."""
