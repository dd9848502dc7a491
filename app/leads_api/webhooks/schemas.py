"""Request schemas of webhooks."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from leads_api.events.model import EventType
from leads_api.webhooks.model import WebhookStatus
from leads_api.webhooks.urls import MAX_LENGTH, NOT_PUBLIC, PATTERN, url

Subscribed = Literal["*", EventType]
Url = Annotated[
    str,
    Meta(
        description=(
            "Where events are sent, with POST. The host must be public, and its name must resolve; no port is special."
            " Write international names in Punycode."
        ),
        extra={"convert": url, "reference": "webhook_url", "refusal": NOT_PUBLIC},
        extra_json_schema={"pattern": f"^{PATTERN}$", "maxLength": MAX_LENGTH},
    ),
]
Description = Annotated[str, Meta(max_length=250, description="What the webhook is for, in your words.")]
Events = Annotated[
    list[Subscribed],
    Meta(min_length=1, description="Types of the events to send; `*` stands for all, with those that come later."),
]


class WebhookInput(Struct, frozen=True, kw_only=True):
    """A new webhook."""

    url: Url
    events: Events
    description: Description | None = None


class WebhookChanges(WebhookInput, frozen=True, kw_only=True):
    """What of a webhook can be changed."""

    status: Annotated[
        WebhookStatus,
        Meta(description="`active` sends events again, from where the webhook was disabled, as far as they are kept."),
    ]
