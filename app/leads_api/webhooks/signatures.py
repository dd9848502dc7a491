"""Secrets and signatures (Standard Webhooks 1.0)."""

import secrets
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime

from standardwebhooks import Webhook

_SECRET_BYTES = 32


def new_secret() -> str:
    """Return a new secret in the notation of Standard Webhooks."""
    return f"whsec_{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def signed(message_id: str, body: str, moment: datetime, keys: Iterable[str]) -> dict[str, str]:
    """Return the headers that identify and sign a message; it has a signature of each secret."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, moment, body) for key in keys),
    }
