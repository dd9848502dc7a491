"""Addresses are checked when they are called, and the connection is made to what was checked (contract, "Webhooks")."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from leads_api.mongo.client import Database
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.idempotency import IdempotencyStore
from leads_api.mongo.ids import Ids
from leads_api.mongo.transaction import Transactions
from leads_api.webhooks.addresses import LOOK_UPS_AT_ONCE, Addresses, Resolve
from leads_api.webhooks.deliveries import DeliveryStore
from leads_api.webhooks.sender import WebhookSender
from leads_api.webhooks.store import WebhookStore
from tests.client import Api, Json
from tests.conftest import Serve
from tests.simulators.receiver import Receiver, answer
from tests.wire.webhooks.queue import Queue, ping, shown

NOT_PUBLIC = "The host name leads to an address that is not public."

Sending = Callable[..., AbstractAsyncContextManager[WebhookSender]]
"""Runs a sender with a resolver for the length of a block."""


@pytest.fixture
def sending(database: Database) -> Sending:
    """Senders of the test's database. The service's own one is kept from sending, because no webhook is active."""

    @asynccontextmanager
    async def sending(resolve: Resolve | None = None, *, allow_private: bool = False) -> AsyncIterator[WebhookSender]:
        ids = Ids(database)
        transact = Transactions(database, ConcurrencyLimits(), IdempotencyStore(database))

        async def no_events() -> bool:
            return False

        sender = WebhookSender(
            WebhookStore(database, ids, transact),
            DeliveryStore(database, ids, transact, kept_days=7),
            Addresses(allow_private=allow_private, resolve=resolve),
            no_events,
            poll_seconds=0.02,
        )
        task = asyncio.create_task(sender.run())
        try:
            yield sender
            assert not task.done(), "the task that sends has ended"
        finally:
            task.cancel()
            await asyncio.wait({task})

    return sending


async def pending(serve: Serve, queue: Queue, url: str) -> Json:
    """Have a test queued for a URL, without a service that sends it; return the webhook."""
    async with serve() as api:
        made = await api.webhook("http://127.0.0.1:9/")
        await ping(api, made)
        await queue.until_tried(1)
    await queue.webhooks.update_one({}, {"$set": {"url": url}})
    await queue.make_due()
    return made


def answers(*found: list[str]) -> Resolve:
    """Return a resolver that gives these answers, the last one from then on."""
    left = list(found)

    async def resolve(host: str) -> list[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["::1"], ["1.1.1.1", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"], ["64:ff9b::7f00:1"],
     ["fe80::1%lo"], ["0.0.0.0"]],
)  # fmt: skip
async def test_a_name_that_leads_to_a_private_address_is_not_called(
    serve: Serve, queue: Queue, receiver: Receiver, sending: Sending, found: list[str]
) -> None:
    await pending(serve, queue, receiver.url(host="hooks.acme.example"))

    async with sending(answers(found)):
        delivery = await queue.until_tried(2)

    assert (delivery["status"], delivery["error"]) == ("pending", NOT_PUBLIC)
    assert receiver.requests == []


async def test_an_address_that_was_public_when_it_was_set_is_checked_again(
    serve: Serve, queue: Queue, receiver: Receiver, sending: Sending
) -> None:
    """DNS rebinding: the name is public at first, and private when it is called."""
    resolve = answers(["1.1.1.1"], ["127.0.0.1"])
    url = receiver.url(host="hooks.acme.example")
    assert await Addresses(allow_private=False, resolve=resolve).usable([url]) == {url}
    await pending(serve, queue, url)

    async with sending(resolve):
        delivery = await queue.until_tried(2)

    assert delivery["error"] == NOT_PUBLIC
    assert receiver.requests == []


async def test_the_name_is_resolved_once_and_the_connection_goes_to_what_was_checked(
    serve: Serve, queue: Queue, receiver: Receiver, sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No second look-up could give another answer between the check and the connection."""
    await pending(serve, queue, receiver.url(host="hooks.acme.example"))
    asked: list[str] = []
    looked_up = socket.getaddrinfo

    async def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    def watched(host: object, *arguments: object, **options: object) -> object:
        asked.append(f"the system: {host!r}")
        return looked_up(host, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    async with sending(resolve, allow_private=True):
        await queue.until("delivered")

    assert [name for name in asked if "acme" in name] == ["hooks.acme.example"]
    (request,) = receiver.requests
    assert request.headers["host"] == f"hooks.acme.example:{receiver.port}"


async def test_if_one_address_does_not_answer_the_next_one_is_called(
    serve: Serve, queue: Queue, receiver: Receiver, sending: Sending
) -> None:
    await pending(serve, queue, receiver.url(host="hooks.acme.example"))

    async with sending(answers(["127.0.0.2", "127.0.0.1"]), allow_private=True):
        await queue.until("delivered")

    assert len(receiver.requests) == 1


async def test_a_redirect_to_a_private_address_is_not_followed(api: Api, receiver: Receiver, queue: Queue) -> None:
    async with Receiver() as inside:
        receiver.behave(then=answer(307, Location=inside.url()))
        await ping(api, await api.webhook(receiver.url()))
        await queue.until_tried(1)

    assert inside.requests == []


async def test_a_name_that_does_not_resolve_any_more_is_told(serve: Serve, queue: Queue, sending: Sending) -> None:
    made = await pending(serve, queue, "http://leads.invalid/")

    async with sending():
        await queue.until_tried(2)
    async with serve() as api:
        (delivery,) = await shown(api, made)

    assert delivery["error"].startswith("The host name cannot be resolved")
    assert delivery["response_status"] is None


async def test_a_resolver_that_hangs_delays_neither_the_request_nor_others(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.webhooks.addresses.RESOLVE_SECONDS", 0.2)
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    looked_up = socket.getaddrinfo

    def hanging(host: object, *arguments: object, **options: object) -> object:
        if host == "slow.acme.example":
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return looked_up(host, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    async with serve() as api:
        slow = {"url": "http://slow.acme.example/", "events": ["*"]}
        refused = await asyncio.gather(*(api.post("/api/webhooks", slow) for _ in range(LOOK_UPS_AT_ONCE + 1)))
        accepted = [await api.webhook("http://localhost:9/") for _ in range(LOOK_UPS_AT_ONCE + 1)]
    release.set()

    assert {answer.status_code for answer in refused} == {422}
    assert {webhook["status"] for webhook in accepted} == {"active"}
