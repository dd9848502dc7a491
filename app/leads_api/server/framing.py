"""HTTP/1.1 framing: reads requests from the bytes of a connection, and is the only place that decides where one ends.

A gateway and this service must agree on where a request ends. Otherwise a caller can hide a second request in the first
(request smuggling). So this module is strict: it refuses ambiguous input (RFC 9112). It drops offers to change the
protocol, chunk extensions and trailer fields.
"""

import re
from collections.abc import Callable
from typing import Protocol

MAX_TARGET = 8 * 1024
"""Bytes of the request target."""
MAX_HEAD = 32 * 1024
"""Bytes of the request line and all header fields; also of all trailer fields."""
_MAX_REQUEST_LINE = MAX_TARGET + 100
_MAX_LINE = 1024
"""Bytes of the line before a chunk."""
_MAX_BLANK = 16
"""Bytes of empty lines before a request (RFC 9112, 2.2)."""
_MAX_DIGITS = 18
_MAX_REMEMBERED = 1024
"""Bytes of header fields that a connection keeps to compare with those of the next request."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_FIELD = rb"(?:" + _TOKEN + rb":[^\x00-\x08\x0a-\x1f\x7f]*\r\n)"
# A target has no fragment (RFC 9112, 3.2). Who cuts at `#` reads another path than who does not.
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([^\x00-\x20#\x7f]+) HTTP/([0-9])\.([0-9])\r\n")
_FIELDS = re.compile(_FIELD + rb"*")
_HOST_VALUE = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_MINORS = (b"0", b"1")
_OFFERS = {b"upgrade", b"http2-settings"}
"""Fields that offer to change the protocol."""
_ONCE = {b"host", b"content-length", b"transfer-encoding", b"authorization", b"content-type", b"content-encoding"}
"""Fields that decide where a request goes, where it ends, and what it may do. Of two, a gateway may obey the other."""


class Refused(Exception):  # noqa: N818 - named as the failures are
    """The input cannot be read as a request, nor can anything after it. Has the status and message of the response."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Fields:
    """The header fields of a request. Raises Refused if they cannot be read, or could be read in two ways."""

    def __init__(self, fields: bytes, *, old: bool) -> None:
        """`old` says that the request is in HTTP/1.0."""
        if _FIELDS.fullmatch(fields) is None:
            raise Refused(400, "A header of the request could not be read.")
        self.headers: list[tuple[bytes, bytes]] = []
        """Names, in lower case, and values."""
        self.version = "1.0" if old else "1.1"
        self.keep_alive = not old
        self.expects_continue = False
        only: dict[bytes, bytes] = {}
        for line in fields.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b":")
            name, value = name.lower(), value.strip(b" \t")
            if name in _OFFERS:
                continue
            if name in _ONCE:
                if name in only:
                    raise Refused(400, f"The request must not have two headers of the name {name.decode()}.")
                only[name] = value
            elif name == b"connection":
                self.keep_alive &= b"close" not in map(bytes.strip, value.lower().split(b","))
            elif name == b"expect":  # HTTP/1.0 clients do not wait for a 100 (RFC 9110, 10.1.1)
                self.expects_continue = value.lower() == b"100-continue" and not old
            self.headers.append((name, value))
        host = only.get(b"host")
        if not (old if host is None else _HOST_VALUE.fullmatch(host)):
            raise Refused(400, "The request must have one valid Host header.")
        self.chunked = False
        self.length = 0
        self._read_length(only.get(b"content-length"), only.get(b"transfer-encoding"), old=old)

    def _read_length(self, length: bytes | None, coding: bytes | None, *, old: bool) -> None:
        if length is not None and coding is not None:  # a gateway might use the other one
            raise Refused(400, "The request must tell the length of its body once, and in one way.")
        if coding is not None:
            if coding.lower() != b"chunked":
                raise Refused(501, "The only transfer coding that is understood is chunked.")
            if old:
                raise Refused(400, "A request in HTTP/1.0 has no transfer coding.")
            self.chunked = True
        elif length is not None:
            if not length.isdigit() or len(length) > _MAX_DIGITS:
                raise Refused(400, "The Content-Length of the request could not be read.")
            self.length = int(length)


class Requests(Protocol):
    """Receives what `Framing` has read."""

    def on_request(self, method: str, target: bytes, fields: Fields, body: bytes | None) -> None:
        """Take the head of a request; `target` is in ASCII, and `body` is None if it is not complete yet."""

    def on_piece(self, piece: bytes, *, is_last: bool) -> None:
        """Take a piece of the body of the last request."""


class Framing:
    """Reads the requests of one connection."""

    def __init__(self, requests: Requests) -> None:
        self.in_body = False
        """Whether a body is incomplete."""
        self._requests = requests
        self._held = b""
        self._previous = b""
        self._fields = Fields(b"", old=True)
        self._left = 0
        self._trailer = 0
        self._step: Callable[[bytes, int], int | None] = self._head
        """Reads some bytes from a place on, and returns the place behind what it has read; None if that is incomplete.

        Cutting off what was read would copy all the rest for each chunk.
        """
        self.paused = False
        """Whether input is kept unread, until `resume`. Set by who receives the requests."""

    @property
    def in_head(self) -> bool:
        """Return whether a head has begun to arrive and is incomplete."""
        return self._held != b"" and not self.in_body and not self.paused and self._held.strip(b"\r\n") != b""

    def read(self, data: bytes) -> None:
        """Pass on the requests in `data`; incomplete input is kept. Raises Refused."""
        if self._held:
            data, self._held = self._held + data, b""
        at = 0
        while at < len(data) and not self.paused:
            if (following := self._step(data, at)) is None:
                break
            at = following
        self._held = data[at:]

    def resume(self) -> None:
        """Read what was kept while `paused` was set. Raises Refused."""
        self.paused = False
        self.read(b"")

    def _head(self, data: bytes, at: int) -> int | None:
        begin, last = at, at + _MAX_BLANK
        while begin < last and data.startswith(b"\r\n", begin):
            begin += 2
        end = data.find(b"\r\n\r\n", begin, begin + MAX_HEAD) + 4
        if end < 4:  # noqa: PLR2004 - not found
            rest = data[at:]
            self._refuse_long(data[begin:])
            if rest.count(b"\n") > rest.count(b"\r\n"):
                raise Refused(400, "Each line of the request must end with a carriage return and a line feed.")
            return None
        method, target = self._checked(data[begin:end])
        fields = self._fields
        body: bytes | None = b""
        if fields.chunked:
            self._begin(self._chunk_line)
            body = None
        elif end + fields.length <= len(data):  # usually a small body is in the packet of its head
            begin, end = end, end + fields.length
            body = data[begin:end]
        else:
            self._left = fields.length
            self._begin(self._sized)
            body = None
        self._requests.on_request(method, target, fields, body)
        return end

    def _refuse_long(self, data: bytes) -> None:
        if len(data) < MAX_TARGET:
            return
        line = data.find(b"\r\n")
        if (len(data) if line < 0 else line) > _MAX_REQUEST_LINE:
            raise Refused(414, f"The request target must not be longer than {MAX_TARGET} bytes.")
        if len(data) >= MAX_HEAD:
            raise Refused(431, f"The request line and headers must not be larger than {MAX_HEAD} bytes.")

    def _checked(self, head: bytes) -> tuple[str, bytes]:
        """Check a head and keep its fields; return its method, and its target in ASCII. Raises Refused."""
        if (line := _REQUEST_LINE.match(head)) is None:
            self._refuse_long(head)
            raise Refused(400, "The request line could not be read.")
        method, target, major, minor = line.groups()
        if major != b"1" or minor not in _MINORS:
            raise Refused(505, "Only HTTP/1.1 and HTTP/1.0 are understood.")
        if len(target) > MAX_TARGET or line.end() - 2 > _MAX_REQUEST_LINE:
            raise Refused(414, f"The request target must not be longer than {MAX_TARGET} bytes.")
        following = head[line.end(2) :]
        if following != self._previous:  # usually they are those of the previous request
            self._fields = Fields(head[line.end() : -2], old=minor == b"0")
            self._previous = following if len(following) <= _MAX_REMEMBERED else b""
        if not target.isascii():
            target = _BEYOND_ASCII.sub(_percent_encoded, target)
        if method == b"CONNECT":  # its target is not a path, and this service is no proxy
            target = b"/"
        return method.decode(), target

    def _begin(self, body: Callable[[bytes, int], int | None]) -> None:
        self.in_body = True
        self._step = body

    def _end(self, piece: bytes) -> None:
        self.in_body = False
        self._step = self._head
        self._requests.on_piece(piece, is_last=True)

    def _sized(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._left]
        self._left -= len(piece)
        if self._left == 0:
            self._end(piece)
        else:
            self._requests.on_piece(piece, is_last=False)
        return at + len(piece)

    def _chunk_line(self, data: bytes, at: int) -> int | None:
        end = data.find(b"\r\n", at, at + _MAX_LINE)
        if end < 0:
            if len(data) - at >= _MAX_LINE or data.find(b"\n", at) >= 0:
                raise Refused(400, "A chunk of the request body could not be read.")
            return None
        if (line := _CHUNK.fullmatch(data, at, end)) is None:
            raise Refused(400, "A chunk of the request body could not be read.")
        self._left = int(line[1], 16)
        self._trailer = 0
        self._step = self._chunk if self._left else self._trailers
        return end + 2

    def _chunk(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._left]
        self._left -= len(piece)
        if self._left == 0:
            self._step = self._chunk_end
        self._requests.on_piece(piece, is_last=False)
        return at + len(piece)

    def _chunk_end(self, data: bytes, at: int) -> int | None:
        if not data.startswith(b"\r\n", at):
            if data[at:] == b"\r":
                return None
            raise Refused(400, "A chunk of the request body could not be read.")
        self._step = self._chunk_line
        return at + 2

    def _trailers(self, data: bytes, at: int) -> int | None:
        end = data.find(b"\r\n", at, at + MAX_HEAD + 2)
        if end == at:
            self._end(b"")
            return at + 2
        if (len(data) - 1 if end < 0 else end) - at + self._trailer > MAX_HEAD:
            raise Refused(431, f"The trailer fields must not be larger than {MAX_HEAD} bytes.")
        if end < 0:
            return None
        if _FIELDS.fullmatch(data, at, end + 2) is None:
            raise Refused(400, "A trailer field of the request could not be read.")
        self._trailer += end + 2 - at
        return end + 2


def _percent_encoded(sign: re.Match[bytes]) -> bytes:
    return b"%%%02X" % sign[0][0]
