"""HTTP/1.1 framing: the only place that decides where a request ends (RFC 9112).

A gateway and this service must agree on where a request ends. Otherwise a caller can hide a second request in the first
(request smuggling). So this module is strict: it splits the bytes of a connection into heads and bodies, refuses
ambiguous input, and passes only what it has understood to the server's parser. It drops protocol upgrades, chunk
extensions and trailer fields.
"""

import re
from collections.abc import Callable, Iterator

MAX_TARGET = 8 * 1024
"""Bytes of the request target."""
MAX_HEAD = 32 * 1024
"""Bytes of the request line and all header fields; also of all trailer fields."""
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
_OFFER = re.compile(rb"^(?:upgrade|http2-settings):[^\r\n]*\r\n", re.IGNORECASE | re.MULTILINE)
_CONNECTION = re.compile(rb"^(connection:)([^\r\n]*)(\r\n)", re.IGNORECASE | re.MULTILINE)
_EXPECT = re.compile(rb"^expect:[^\r\n]*\r\n", re.IGNORECASE | re.MULTILINE)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
# Fields that the service obeys. Of two, a gateway may have checked the other one.
_SINGLE = (b"\r\nauthorization:", b"\r\ncontent-type:", b"\r\ncontent-encoding:")
_MINORS = (b"0", b"1")
_PARSED_METHODS = {b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"}


class Refused(Exception):  # noqa: N818 - named as the failures are
    """The input cannot be read as a request, nor can anything after it. Has the status and message of the response."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Framing:
    """Splits the bytes of one connection into pieces for a parser."""

    def __init__(self) -> None:
        self.method = ""
        """The method of the last head. The parser gets another one if it does not know this one."""
        self.in_body = False
        """Whether a body is incomplete."""
        self._held = b""
        self._previous = b""
        self._fields = _Fields(b"", old=True)
        self._left = 0
        self._trailer = 0
        self._step: Callable[[bytes], tuple[bytes | None, bytes]] = self._head

    @property
    def in_head(self) -> bool:
        """Return whether a head has begun to arrive and is incomplete."""
        return self._held != b"" and not self.in_body

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield the pieces of `data` that the parser may read; incomplete input is kept. Raises Refused."""
        if self._held:
            data, self._held = self._held + data, b""
        while data:
            piece, data = self._step(data)
            if piece is None:
                self._held = data
                return
            if piece:
                yield piece

    def _head(self, data: bytes) -> tuple[bytes | None, bytes]:
        begin = 0
        while data.startswith(b"\r\n", begin) and begin < _MAX_BLANK:
            begin += 2
        end = data.find(b"\r\n\r\n", begin, begin + MAX_HEAD) + 4
        if end < 4:  # noqa: PLR2004 - not found
            self._refuse_long(data[begin:])
            return None, data
        head, rest = self._checked(data[begin:end]), data[end:]
        if self._left and len(rest) >= self._left:  # usually a small body is in the packet of its head
            body, rest = self._sized(rest)
            return head + body, rest
        return head, rest

    def _refuse_long(self, data: bytes) -> None:
        if len(data) < MAX_TARGET:
            return
        line = data.find(b"\r\n")
        if line < 0 or line > MAX_TARGET + 100:
            raise Refused(414, f"The request target must not be longer than {MAX_TARGET} bytes.")
        if len(data) >= MAX_HEAD:
            raise Refused(431, f"The request line and headers must not be larger than {MAX_HEAD} bytes.")

    def _checked(self, head: bytes) -> bytes:
        """Check a head, and return it in the form that the parser gets. Raises Refused."""
        if (line := _REQUEST_LINE.match(head)) is None:
            self._refuse_long(head)
            raise Refused(400, "The request line could not be read.")
        method, target, major, minor = line.groups()
        if major != b"1" or minor not in _MINORS:
            raise Refused(505, "Only HTTP/1.1 and HTTP/1.0 are understood.")
        if len(target) > MAX_TARGET:
            raise Refused(414, f"The request target must not be longer than {MAX_TARGET} bytes.")
        following = head[line.end(2) :]
        if following != self._previous:  # usually they are those of the previous request
            self._fields = _Fields(head[line.end() : -2], old=minor == b"0")
            self._previous = following if len(following) <= _MAX_REMEMBERED else b""
        fields = self._fields
        if fields.chunked:
            self._begin(self._chunk_line)
        elif fields.length:
            self._left = fields.length
            self._begin(self._sized)
        self.method = method.decode()
        known = method if method in _PARSED_METHODS else b"POST"
        path = target if target.isascii() else _BEYOND_ASCII.sub(_percent_encoded, target)
        if method == b"CONNECT":  # its target is not a path, and this service is no proxy
            path = b"/"
        if fields.unchanged and known is method and path is target:
            return head
        return b"%b %b HTTP/1.%b\r\n%b\r\n" % (known, path, minor, fields.plain)

    def _begin(self, body: Callable[[bytes], tuple[bytes | None, bytes]]) -> None:
        self.in_body = True
        self._step = body

    def _end_body(self) -> None:
        self.in_body = False
        self._step = self._head

    def _sized(self, data: bytes) -> tuple[bytes, bytes]:
        piece, rest = data[: self._left], data[self._left :]
        self._left -= len(piece)
        if self._left == 0:
            self._end_body()
        return piece, rest

    def _chunk_line(self, data: bytes) -> tuple[bytes | None, bytes]:
        end = data.find(b"\r\n", 0, _MAX_LINE)
        if end < 0:
            if len(data) >= _MAX_LINE or (b"\n" in data):
                raise Refused(400, "A chunk of the request body could not be read.")
            return None, data
        if (line := _CHUNK.fullmatch(data[:end])) is None:
            raise Refused(400, "A chunk of the request body could not be read.")
        self._left = int(line[1], 16)
        if self._left == 0:
            self._trailer = 0
            self._step = self._trailers
            return b"", data[end + 2 :]
        self._step = self._chunk
        return b"%x\r\n" % self._left, data[end + 2 :]

    def _chunk(self, data: bytes) -> tuple[bytes | None, bytes]:
        piece, rest = data[: self._left], data[self._left :]
        self._left -= len(piece)
        if self._left == 0:
            self._step = self._chunk_end
        return piece, rest

    def _chunk_end(self, data: bytes) -> tuple[bytes | None, bytes]:
        if not data.startswith(b"\r\n"):
            if data == b"\r":
                return None, data
            raise Refused(400, "A chunk of the request body could not be read.")
        self._step = self._chunk_line
        return b"\r\n", data[2:]

    def _trailers(self, data: bytes) -> tuple[bytes | None, bytes]:
        end = data.find(b"\r\n")
        if end == 0:
            self._end_body()
            return b"0\r\n\r\n", data[2:]
        if len(data) + self._trailer > MAX_HEAD and (end < 0 or end + self._trailer > MAX_HEAD):
            raise Refused(431, f"The trailer fields must not be larger than {MAX_HEAD} bytes.")
        if end < 0:
            return None, data
        if _FIELDS.fullmatch(data[: end + 2]) is None:
            raise Refused(400, "A trailer field of the request could not be read.")
        self._trailer += end + 2
        return b"", data[end + 2 :]


class _Fields:
    """The checked header fields of a head. Raises Refused if they cannot be read, or could be read in two ways."""

    def __init__(self, fields: bytes, *, old: bool) -> None:
        """`old` says that the request is in HTTP/1.0."""
        if _FIELDS.fullmatch(fields) is None:
            raise Refused(400, "A header of the request could not be read.")
        lower = b"\r\n" + fields.lower()  # each field is behind a line's end, so that plain finds are enough
        host = _only_value(lower, b"\r\nhost:")
        if not (old if host is None else _HOST_VALUE.fullmatch(host)):
            raise Refused(400, "The request must have one valid Host header.")
        for name in _SINGLE:
            if lower.count(name) > 1:
                raise _twice(name)
        self.chunked = False
        self.length = 0
        self._read_length(lower, old=old)
        self.plain = fields
        """The fields that the parser gets."""
        if b"upgrade" in lower or b"http2-settings" in lower:
            self.plain = _CONNECTION.sub(_without_offer, _OFFER.sub(b"", fields))
        if old and b"\r\nexpect:" in lower:  # HTTP/1.0 clients do not wait for a 100 (RFC 9110, 10.1.1)
            self.plain = _EXPECT.sub(b"", self.plain)
        self.unchanged = self.plain == fields

    def _read_length(self, lower: bytes, *, old: bool) -> None:
        length = _only_value(lower, b"\r\ncontent-length:")
        coding = _only_value(lower, b"\r\ntransfer-encoding:")
        if length is not None and coding is not None:  # a gateway might use the other one
            raise Refused(400, "The request must tell the length of its body once, and in one way.")
        if coding is not None:
            if coding != b"chunked":
                raise Refused(501, "The only transfer coding that is understood is chunked.")
            if old:
                raise Refused(400, "A request in HTTP/1.0 has no transfer coding.")
            self.chunked = True
        elif length is not None:
            if not length.isdigit() or len(length) > _MAX_DIGITS:
                raise Refused(400, "The Content-Length of the request could not be read.")
            self.length = int(length)


def _only_value(lower: bytes, name: bytes) -> bytes | None:
    """Return the value of a field, in lower case; None if it was not sent. Raises Refused if it was sent twice."""
    if (begin := lower.find(name)) < 0:
        return None
    begin += len(name)
    end = lower.find(b"\r\n", begin)
    if lower.find(name, end) >= 0:
        raise _twice(name)
    return lower[begin:end].strip(b" \t")


def _twice(name: bytes) -> Refused:
    return Refused(400, f"The request must not have two headers of the name {name[2:-1].decode()}.")


def _without_offer(field: re.Match[bytes]) -> bytes:
    """Return a `Connection` field without the options of a protocol upgrade."""
    options = [option.strip() for option in field[2].split(b",")]
    kept = [option for option in options if option.lower() not in {b"upgrade", b"http2-settings"}]
    return b"%b %b%b" % (field[1], b", ".join(kept), field[3])


def _percent_encoded(sign: re.Match[bytes]) -> bytes:
    return b"%%%02X" % sign[0][0]
