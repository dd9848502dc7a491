"""One request and its response at uvicorn's protocol, with heads of responses that are checked and sent faster."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from leads_api.server.framing import Fields

_BODILESS = {204, 304}


class Cycle(RequestResponseCycle):
    """A request and its response."""

    def __init__(
        self,
        protocol: HttpToolsProtocol,
        scope: Any,
        fields: Fields,
        body: bytes | None,
        *,
        ignore_input: Callable[[], None],
    ) -> None:
        """`body` is None if it is not complete yet. `ignore_input` is called if the caller sends more than is read."""
        self._ignore_input = ignore_input
        super().__init__(
            scope=scope,
            transport=protocol.transport,
            flow=protocol.flow,
            logger=protocol.logger,
            access_logger=protocol.access_logger,
            access_log=False,
            default_headers=protocol.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=fields.expects_continue,
            keep_alive=fields.keep_alive,
            on_response=protocol.on_response_complete,
        )
        if body is not None:
            self.body += body
            self.more_body = False
            self.message_event.set()

    async def send(self, message: Any) -> None:
        """Send a part of the response."""
        starts = message["type"] == "http.response.start" and not self.response_started
        if starts and not self.disconnected and not self.flow.write_paused:
            self._start(message["status"], [*self.default_headers, *message["headers"]])
            return
        if not self.keep_alive and self.flow.read_paused:
            # The caller has sent more. Closing with unread input would reset the connection (RFC 9112, 9.6).
            self._ignore_input()
        await super().send(message)

    def _start(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        """Send the head, checked as a whole. Uvicorn checks each field, and takes several times as long."""
        self.response_started = True
        self.waiting_for_100_continue = False
        lines = [STATUS_LINE[status].removesuffix(b"\r\n")]
        closes = False
        for name, value in fields:
            lines.append(b"%b: %b" % (name, value))
            if name == b"content-length":
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"connection":
                closes = True
        if closes:
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _BODILESS:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked")
        head = b"\r\n".join(lines)
        ends = len(lines) - 1
        if head.count(b"\r") != ends or head.count(b"\n") != ends or b"\0" in head:
            raise RuntimeError("a header of the response has a line break or a null character")
        self.transport.write(head + b"\r\n\r\n")
