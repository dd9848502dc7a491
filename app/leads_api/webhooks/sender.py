"""The webhook sender: a background task in each process that queues the events of the feed, and sends deliveries.

Each webhook has workers of its own, so a slow receiver holds up no other. A worker has one delivery in memory.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from importlib.metadata import version
from typing import Protocol, TypeVar

from leads_api.errors import Failure
from leads_api.mongo.client import deadline
from leads_api.mongo.faults import DatabaseError, described
from leads_api.tasks import end
from leads_api.telemetry import traces
from leads_api.webhooks.addresses import Addresses
from leads_api.webhooks.calls import Outcome
from leads_api.webhooks.deliveries import DeliveryStore, Due
from leads_api.webhooks.signatures import signed
from leads_api.webhooks.store import Receiver, WebhookStore

T = TypeVar("T")

POLL_SECONDS = 2.0
AT_ONCE = 4
"""Attempts that one process makes at the same time for each webhook."""
GONE = 410
_DATABASE_SECONDS = 5.0
_RELEASE_SECONDS = 2.0
_LAST_SECONDS = 5.0
"""How long attempts in progress may continue at shutdown, until their results are recorded."""

_log = logging.getLogger("leads.webhooks")


class Post(Protocol):
    """Sends a request to a receiver."""

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        """Return what came of it."""
        ...


class WebhookSender:
    """Sends due deliveries. It starts on `wake`, and polls for what other processes have queued."""

    def __init__(
        self,
        webhooks: WebhookStore,
        deliveries: DeliveryStore,
        addresses: Addresses,
        queue_events: Callable[[], Awaitable[bool]],
        *,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """`addresses` says what may be called. `queue_events` queues new events, and returns whether there are more."""
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._addresses = addresses
        self._queue_events = queue_events
        self._poll_seconds = poll_seconds
        self._woken = asyncio.Event()
        self._workers: Counter[int] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        self._client: Post | None = None
        self._agent = f"leads-api/{version('leads-api')} (Standard Webhooks)"

    def wake(self) -> None:
        """Look for work at once: this process has queued a delivery, or written events."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled. What is interrupted then is sent again by another process."""
        try:
            while True:
                self._woken.clear()
                for step in (self._queue_new_events, self._begin_workers):
                    try:
                        await step()
                    except (DatabaseError, Failure) as error:
                        _log.warning("the deliveries of webhooks cannot be read: %s", described(error))
                    except Exception:  # noqa: BLE001 - it is logged with its traceback, and the task must not end
                        _log.exception("sending webhooks failed")
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_seconds):
                        await self._woken.wait()
        finally:
            self._ending = True
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_LAST_SECONDS)
                await end(*self._tasks)

    async def _queue_new_events(self) -> None:
        if await self._queue_events():
            self.wake()

    async def _begin_workers(self) -> None:
        """Begin a worker for each webhook that has due deliveries; it begins more of them as needed."""
        with deadline(_DATABASE_SECONDS):
            active = [webhook["_id"] for webhook in await self._webhooks.active()]
            free = [webhook_id for webhook_id in active if self._workers[webhook_id] < AT_ONCE]
            while free and (webhook_id := await self._deliveries.due_webhook(free)) is not None:
                self._begin_worker(webhook_id)
                free.remove(webhook_id)

    def _begin_worker(self, webhook_id: int) -> None:
        if self._workers[webhook_id] < AT_ONCE and not self._ending:
            self._workers[webhook_id] += 1
            # In a context of its own: it lives longer than the deadline of who begins it, and has another trace.
            task = asyncio.create_task(self._work(webhook_id), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, webhook_id: int) -> None:
        """Send the due deliveries of a webhook, one after the other."""
        try:
            due = await _in_time(self._deliveries.take(webhook_id))
            while due is not None:
                receiver = await _in_time(self._webhooks.receiver(webhook_id, due.moment))
                if receiver is None:  # it was disabled or deleted
                    await _in_time(self._deliveries.release(due))
                    return
                self._begin_worker(webhook_id)  # there may be more
                traces.current.set(traces.of_traceparent(due.traceparent or ""))  # for the log lines of this task
                await self._record(due, receiver, await self._sent(due, receiver))
                if self._ending:
                    return
                following = await _in_time(self._deliveries.take_next(due))
                due = following or await _in_time(self._deliveries.take(webhook_id))
        except DatabaseError as error:
            _log.warning("the deliveries of webhook %s cannot be read: %s", webhook_id, described(error))
        except Exception:  # noqa: BLE001 - it is logged with its traceback, and nothing else would report it
            _log.exception("sending to webhook %s failed", webhook_id)
        finally:
            self._workers[webhook_id] -= 1

    async def _sent(self, due: Due, receiver: Receiver) -> Outcome:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._agent,
            **signed(f"msg_{due.id}", due.body, due.moment, receiver.secrets),
            **({traces.HEADER: due.traceparent} if due.traceparent else {}),
        }
        try:
            if self._client is None:
                self._client = await asyncio.to_thread(_client, self._addresses)
            return await self._client.post(receiver.url, headers, due.body.encode())
        except asyncio.CancelledError:  # the process ends, and the receiver has not answered
            with suppress(DatabaseError), deadline(_RELEASE_SECONDS):
                await self._deliveries.release(due)
            raise

    async def _record(self, due: Due, receiver: Receiver, outcome: Outcome) -> None:
        """Record an attempt: at the webhook first, because a delivery whose attempt is not recorded is tried again."""
        named = f"delivery {due.id} of webhook {due.webhook}"
        attempt = due.attempts + 1
        if outcome.error is None:
            await self._write(named, lambda: self._webhooks.succeeded(receiver))
            await self._write(named, lambda: self._deliveries.ended(due, outcome, delivered=True))
            _log.debug("%s was accepted (attempt %s)", named, attempt)
            return
        if outcome.status == GONE:
            if await self._write(named, lambda: self._webhooks.gone(receiver)):
                _log.warning("webhook %s is disabled: its receiver has answered 410", due.webhook)
            await self._write(named, lambda: self._deliveries.ended(due, outcome, delivered=False))
            return
        if await self._write(named, lambda: self._webhooks.failed(receiver, due.moment)):
            _log.warning("webhook %s is disabled: all attempts of five days have failed", due.webhook)
        if await self._write(named, lambda: self._deliveries.retry(due, outcome)):
            _log.info("%s was not accepted and will be retried (attempt %s): %s", named, attempt, outcome.error)
        else:
            _log.warning("%s has failed for good (attempt %s): %s", named, attempt, outcome.error)

    async def _write(self, named: str, write: Callable[[], Awaitable[T]]) -> T:
        """Record a result, and return what `write` returns; retry until it succeeds.

        While the database fails, nothing else could be taken either.
        """
        while True:
            try:
                with deadline(_DATABASE_SECONDS):
                    return await write()
            except DatabaseError as error:
                _log.warning("the result of %s cannot be recorded yet: %s", named, described(error))
                await asyncio.sleep(self._poll_seconds)


async def _in_time(reading: Awaitable[T]) -> T:
    with deadline(_DATABASE_SECONDS):
        return await reading


def _client(addresses: Addresses) -> Post:
    """Return the HTTP client. It is imported here, because most processes send no webhooks."""
    from leads_api.webhooks.client import Client  # noqa: PLC0415

    return Client(addresses)
