"""Mails: queued in the transaction that is their reason, sent after it, at least once (contract, "Convert")."""
