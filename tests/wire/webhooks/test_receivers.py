"""Receivers that fail in every way: the delivery says how, and goes on (contract, section 5, "Webhooks")."""

import gzip
from typing import Any

import pytest

from tests.client import Api, Json
from tests.simulators.receiver import (
    Behaviour,
    Receiver,
    answer,
    byte_by_byte,
    endless,
    raw,
    reset,
    silence,
)
from tests.wire.process import free_port
from tests.wire.webhooks.queue import Queue, ping, shown

NO_HTTP = "The response is not valid HTTP, or the connection was closed before it."
TOO_LONG = "The head of the response is too long."
REDIRECT = "The response has status {}. Redirects are not followed."
BOMB = gzip.compress(bytes(50_000_000), mtime=0)
BOMB_SHOWN = BOMB[:1024].decode(errors="replace")
OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

FAILURES: dict[str, tuple[Behaviour, int | None, str]] = {
    "an error": (answer(500, b"no"), 500, "The response has status 500."),
    "too many requests": (answer(429, Retry_After="1"), 429, "The response has status 429."),
    "a redirect": (answer(302, Location="http://127.0.0.1:9/"), 302, REDIRECT.format(302)),
    "a redirect that keeps the method": (answer(308, Location="/"), 308, REDIRECT.format(308)),
    "not modified": (answer(304), 304, REDIRECT.format(304)),
    "a status beyond all": (answer(999), 999, "The response has status 999."),
    "nothing": (raw(), None, NO_HTTP),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), None, NO_HTTP),
    "half a head": (raw(b"HTTP/1.1 200 OK\r\nContent-Le"), None, NO_HTTP),
    "a head that never ends": (endless(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 1000 + b"\r\n"), None, NO_HTTP),
    "a header that never ends": (endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1000), None, NO_HTTP),
    "only interim responses": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 999), None, TOO_LONG),
    "another protocol": (raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), None, NO_HTTP),
}  # fmt: skip

LATE: dict[str, Behaviour] = {"silence": silence, "a head byte by byte": byte_by_byte(OK_HEAD, 0.1)}

SUCCESSES: dict[str, tuple[Behaviour, int, str]] = {
    "nothing more": (answer(204), 204, ""),
    "a body": (answer(200, "schön".encode()), 200, "schön"),
    "a long body": (answer(202, b"x" * 5000), 202, "x" * 1024),
    "an endless body": (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"y" * 60_000), 200, "y" * 1024),
    "a body that stops half-way": (raw(OK_HEAD + b"half"), 200, "half"),
    "a body byte by byte": (byte_by_byte(OK_HEAD + b"slow", 0.001), 200, "slow"),
    "a body that stalls": (raw(OK_HEAD + b"part", b"", b"", b"", b"", pause=0.1), 200, "part"),
    "bytes that are no text": (answer(200, b"\xff\xfe"), 200, "\ufffd\ufffd"),
    "a compressed body that is huge": (answer(200, BOMB, Content_Encoding="gzip"), 200, BOMB_SHOWN),
}  # fmt: skip


async def sent_to_each(api: Api, queue: Queue, behaviours: dict[str, Behaviour]) -> dict[str, Json]:
    """Send a test to a receiver of each behaviour; return the deliveries by its name."""
    found = {}
    for name, behaviour in behaviours.items():
        async with Receiver() as receiver:
            receiver.behave(behaviour)
            made = await api.webhook(receiver.url())
            delivery = await ping(api, made)
            await receiver.received()

            async def tried(number: int = delivery["id"]) -> bool:
                return bool(await queue.deliveries.find_one({"_id": number, "attempts": 1}))

            await queue.until_so(tried)
            (found[name],) = await shown(api, made)
            await api.delete(f"/api/webhooks/{made['id']}")
    return found


async def test_whatever_a_receiver_fails_with_is_told_and_tried_again(api: Api, queue: Queue) -> None:
    found = await sent_to_each(api, queue, {name: behaviour for name, (behaviour, _, _) in FAILURES.items()})

    told = {
        name: (each["status"], each["attempts"], each["response_status"], each["error"]) for name, each in found.items()
    }
    assert told == {name: ("pending", 1, status, error) for name, (_, status, error) in FAILURES.items()}
    assert all(each["next_attempt"] for each in found.values())
    assert found["an error"]["response_body"] == "no"


async def test_who_does_not_answer_in_time_is_told_and_tried_again(
    api: Api, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.webhooks.client.CALL_SECONDS", 0.5)

    found = await sent_to_each(api, queue, LATE)

    for each in found.values():
        assert (each["status"], each["response_status"], each["response_body"]) == ("pending", None, None)
        assert each["error"] == "There was no response within 0.5 seconds."


async def test_a_reset_is_told_and_tried_again(api: Api, queue: Queue) -> None:
    found = await sent_to_each(api, queue, {"reset": reset})

    assert found["reset"]["status"] == "pending"
    assert found["reset"]["error"] in {  # as the system notices it
        "The connection failed: Connection reset by peer.",
        NO_HTTP,
        "The connection failed: ReadError.",
    }


async def test_a_2xx_is_a_delivery_whatever_becomes_of_the_body(
    api: Api, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads_api.webhooks.client.BODY_SECONDS", 0.3)
    found = await sent_to_each(api, queue, {name: behaviour for name, (behaviour, _, _) in SUCCESSES.items()})

    told = {name: (each["status"], each["response_status"], each["response_body"]) for name, each in found.items()}
    assert told == {name: ("delivered", status, body) for name, (_, status, body) in SUCCESSES.items()}
    assert {(each["error"], each["next_attempt"]) for each in found.values()} == {(None, None)}


async def test_a_receiver_that_is_not_there_is_told(api: Api, queue: Queue) -> None:
    made = await api.webhook(f"http://127.0.0.1:{free_port()}/")

    await ping(api, made)
    await queue.until_tried(1)

    (delivery,) = await shown(api, made)
    assert (delivery["status"], delivery["error"]) == ("pending", "The connection failed: Connection refused.")


async def test_neither_a_proxy_nor_a_cookie_of_the_environment_is_used(
    api: Api, receiver: Receiver, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    receiver.behave(answer(500, Set_Cookie="a=b"))
    made = await api.webhook(receiver.url())

    await ping(api, made)
    await queue.until_tried(1)
    await queue.make_due()
    await queue.until("delivered")

    assert all("cookie" not in request.headers for request in receiver.requests)


async def test_the_log_has_neither_the_url_nor_what_the_receiver_said(
    api: Api, receiver: Receiver, queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "leads")
    receiver.behave(answer(500, b"body-7f3a", X="header-7f3a"))
    made = await api.webhook(receiver.url("/path-7f3a?token=query-7f3a"))

    await ping(api, made)
    await queue.until_tried(1)

    texts: list[Any] = [record.getMessage() for record in caplog.records if record.name.startswith("leads")]
    assert (
        "delivery 1 of webhook 1 was not accepted and will be retried (attempt 1): The response has status 500."
        in texts
    )
    assert "7f3a" not in " ".join(texts)
    assert made["secret"] not in " ".join(texts)
