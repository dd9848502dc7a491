"""The HTTP client of webhooks: one request on a connection of its own, bounded in time and bytes.

It does not follow redirects, sends no cookies, uses no proxy and decodes no compression. This module is imported with
the first delivery, because its library takes longer to import than the rest of the package.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

from httpcore2 import (
    SOCKET_OPTION,
    URL,
    AnyIOBackend,
    AsyncHTTPConnection,
    AsyncNetworkBackend,
    AsyncNetworkStream,
    ConnectError,
    ConnectTimeout,
    NetworkError,
    ProtocolError,
    Request,
    Response,
)

from leads_api.webhooks.addresses import Addresses, Unusable
from leads_api.webhooks.calls import CALL_SECONDS, Outcome, retry_after_of
from leads_api.webhooks.urls import target_of

CONNECT_SECONDS = 5.0
"""Limit for each address of a host, so that there is time for the next one."""
BODY_SECONDS = 2.0
"""How long the part of the body that is kept may take."""
KEPT_BYTES = 1024
"""Bytes of the body that are kept; reading ends there."""
MOST_BYTES = 131_072
"""Bytes that are read of a response in all; interim responses (1xx) could go on without end."""


class Client:
    """Sends requests to receivers."""

    def __init__(self, addresses: Addresses) -> None:
        """`addresses` says which ones may be called."""
        self._addresses = addresses
        self._tls = ssl.create_default_context()  # the system's authorities, or those of SSL_CERT_FILE

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send a body and return the outcome; a fault of the receiver or of the way to it is an outcome, too."""
        try:
            async with asyncio.timeout(CALL_SECONDS) as limit, self._sent(url, headers, body) as response:
                limit.reschedule(None)  # the receiver has answered in time
                return await _outcome(response)
        except TimeoutError:
            return Outcome(error=f"There was no response within {CALL_SECONDS:g} seconds.")
        except Exception as error:  # noqa: BLE001 - whatever it is, this attempt has failed
            return Outcome(error=_reason(error))

    @asynccontextmanager
    async def _sent(self, url: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Response]:
        target = target_of(url)
        scheme = "https" if target.tls else "http"
        request = Request(
            "POST",
            URL(scheme=scheme, host=target.host, port=target.port, target=target.path),
            headers=[
                ("Host", target.authority),
                ("Content-Length", str(len(body))),
                ("Accept-Encoding", "identity"),
                ("Connection", "close"),
                *headers.items(),
            ],
            content=body,
        )
        network = _Checked(self._addresses)
        connection = AsyncHTTPConnection(request.url.origin, self._tls, network_backend=network)
        try:
            yield await connection.handle_async_request(request)
        finally:
            await connection.aclose()
            await network.aclose()  # also if the handshake was interrupted


class _Checked(AsyncNetworkBackend):
    """Connects to a host, at an address that was checked just before."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._network = AnyIOBackend()
        self._stream: AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface has it
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to the first address that accepts. Raises Unusable and ConnectError."""
        failed: Exception = Unusable("The host name has no address.")
        for address in await self._addresses.of(host):
            try:
                self._stream = _Bounded(await self._network.connect_tcp(address, port, CONNECT_SECONDS))
            except (ConnectError, ConnectTimeout) as error:
                failed = error
            else:
                return self._stream
        raise failed

    async def aclose(self) -> None:
        """Close the connection, if there is one."""
        if self._stream is not None:
            await self._stream.aclose()


class _Bounded(AsyncNetworkStream):
    """A connection from which at most MOST_BYTES are read."""

    def __init__(self, stream: AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = MOST_BYTES

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        """Return the next bytes. Raises TooLong."""
        if self._left <= 0:
            raise TooLong
        found = await self._stream.read(max_bytes, timeout)
        self._left -= len(found)
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        """Send bytes."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> AsyncNetworkStream:
        """Begin TLS."""
        return _Bounded(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what is known about the connection."""
        return self._stream.get_extra_info(info)


class TooLong(Exception):  # noqa: N818 - named as the failures are
    """The response does not come to its body."""


async def _outcome(response: Response) -> Outcome:
    kept = b""
    # Once the head has arrived, it counts. Whatever becomes of the body is no fault.
    with suppress(TimeoutError, NetworkError, ProtocolError, TooLong):
        async with asyncio.timeout(BODY_SECONDS):
            async for part in response.aiter_stream():
                kept += part[:KEPT_BYTES]
                if len(kept) >= KEPT_BYTES:
                    break
    headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    error = None
    if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        error = f"The response has status {response.status}. Redirects are not followed."
    elif not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        error = f"The response has status {response.status}."
    return Outcome(
        status=response.status,
        body=kept[:KEPT_BYTES].decode(errors="replace"),
        error=error,
        retry_after=retry_after_of(headers.get(b"retry-after", "")) if error else None,
    )


def _reason(error: Exception) -> str:
    """Return what went wrong, without anything that the receiver has sent."""
    if isinstance(error, Unusable):
        return str(error)
    if isinstance(error, ConnectTimeout):
        return "The connection was not made in time."
    if isinstance(error, TooLong):
        return "The head of the response is too long."
    if isinstance(error, ProtocolError):
        return "The response is not valid HTTP, or the connection was closed before it."
    causes = _causes(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"The TLS certificate is not valid: {cause.verify_message}."
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or 'the connection was closed'}."
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno:
            return f"The connection failed: {os.strerror(cause.errno)}."
    return f"The connection failed: {type(error).__name__}."


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        following = following.__cause__ or following.__context__
    return found
