"""The service without parts of it, to measure what they cost: `python -m bench.without relay-metrics serve`.

The parts are `relay` (the relay of events) and `metrics` (metrics, and the background tasks that look at things for
them). Of several services on one database, one relays the events of all. So to measure anything else that concerns
writes, leave the relay out of every one.
"""

import asyncio
import sys
from typing import Any

from leads_api.__main__ import main
from leads_api.events.relay import Relay

PARTS = ("metrics", "relay")


def leave_out(part: str) -> None:
    """Let this process run the service without a part."""
    if part == "relay":
        setattr(Relay, "run", _never_ends)  # noqa: B010 - a method
        return
    from leads_api import asgi  # noqa: PLC0415 - only if it is changed
    from leads_api.events.watch import FeedWatch  # noqa: PLC0415
    from leads_api.http.pipeline import Pipeline  # noqa: PLC0415
    from leads_api.mail.watch import MailWatch  # noqa: PLC0415
    from leads_api.mongo.client import connect  # noqa: PLC0415
    from leads_api.telemetry import metrics, pulse  # noqa: PLC0415
    from leads_api.webhooks.watch import WebhookWatch  # noqa: PLC0415

    either: Any = asgi
    either.monitored = connect
    for kind, name in (
        (Pipeline, "_note"), (metrics.Distribution, "observe"), (metrics.Counter, "add"),
        (metrics.ThreadedHistogram, "note"),
    ):  # fmt: skip
        setattr(kind, name, _nothing)
    for watch in (FeedWatch, MailWatch, WebhookWatch):
        setattr(watch, "run", _never_ends)  # noqa: B010 - a method
    pulse.beat = _never_ends


def _nothing(*_: object, **__: object) -> None: ...


async def _never_ends(*_: object) -> None:
    await asyncio.Event().wait()


if __name__ == "__main__":
    for each in sys.argv.pop(1).split("-"):
        leave_out(each)
    sys.argv[0] = "leads"
    main()
