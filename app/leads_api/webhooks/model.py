"""Webhooks and deliveries as callers see them, and the conversion from their documents."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from leads_api.clock import UNKNOWN, Timestamp, shown_time
from leads_api.mongo.client import Document

ALL = "*"
TEST: Literal["webhook.test"] = "webhook.test"
"""The type of the event that tests a webhook. It is not in the feed."""

WebhookStatus = Literal["active", "disabled"]
DeliveryStatus = Literal["pending", "delivered", "failed"]


class WebhookDates(Struct, frozen=True, gc=False):
    """When the record was created, and last changed."""

    created: Timestamp
    updated: Timestamp


class Webhook(Struct, frozen=True, gc=False):
    """A receiver of events."""

    id: int
    url: str
    description: str | None
    events: Annotated[list[str], Meta(description="Types of the events that are sent; `*` stands for all.")]
    status: Annotated[
        WebhookStatus,
        Meta(
            description=(
                "Nothing is sent to a disabled webhook. The service disables it if its receiver answers 410, or if all"
                " attempts of five days have failed."
            )
        ),
    ]
    dates: WebhookDates


class WebhookWithSecret(Webhook, frozen=True, gc=False):
    """A receiver of events, with the secret that signs what it is sent. It is not shown again."""

    secret: Annotated[
        str, Meta(description="Checks the signature of a delivery (Standard Webhooks). Keep it; it is not shown again.")
    ]


class Delivery(Struct, frozen=True, gc=False):
    """An event that is, was or will be sent to a webhook."""

    id: int
    event_id: Annotated[int | None, Meta(description="Id of the event; null for `webhook.test`, which has none.")]
    type: Annotated[str, Meta(description="Type of the event.")]
    status: Annotated[
        DeliveryStatus,
        Meta(description="`pending` until a response has a status of 2xx, or the last attempt has failed."),
    ]
    attempts: Annotated[int, Meta(ge=0, description="How often it was sent.")]
    response_status: Annotated[
        int | None, Meta(description="Status of the last response; null if there was none to the last attempt.")
    ]
    response_body: Annotated[str | None, Meta(description="The first 1024 bytes of the last response's body.")]
    error: Annotated[
        str | None, Meta(description="Why the last attempt has failed, for example because of DNS or TLS; else null.")
    ]
    next_attempt: Annotated[
        Timestamp | None,
        Meta(
            description=(
                "When the next attempt is due, at the earliest: an earlier event of the same lead is sent first."
                " Null if none is due."
            )
        ),
    ]
    dates: WebhookDates


def webhook_of(document: Document) -> Webhook:
    """Return a webhook as callers see it."""
    return Webhook(*_shown(document))


def webhook_with_secret_of(document: Document) -> WebhookWithSecret:
    """Return a webhook as callers see it, once."""
    return WebhookWithSecret(*_shown(document), document["secret"])


def _shown(document: Document) -> tuple[int, str, str | None, list[str], WebhookStatus, WebhookDates]:
    return (
        document["_id"],
        document.get("url") or "",
        document.get("description"),
        document.get("events") or [],
        document.get("status") or "active",
        _dates(document),
    )


def delivery_of(document: Document) -> Delivery:
    """Return a delivery as callers see it."""
    status: DeliveryStatus = document.get("status") or "failed"
    due = document.get("due") if status == "pending" else None
    return Delivery(
        id=document["_id"],
        event_id=document.get("event"),
        type=document.get("type") or TEST,
        status=status,
        attempts=document.get("attempts") or 0,
        response_status=document.get("response_status"),
        response_body=document.get("response_body"),
        error=document.get("error"),
        next_attempt=None if due is None else shown_time(due),
        dates=_dates(document),
    )


def _dates(document: Document) -> WebhookDates:
    dates = document.get("dates") or {}
    created: datetime = dates.get("created") or UNKNOWN
    return WebhookDates(shown_time(created), shown_time(dates.get("updated") or created))
