"""Mails: an outbox. They are queued in the transaction that causes them, and sent at least once."""
