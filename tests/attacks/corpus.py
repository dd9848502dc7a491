"""Bytes about which parsers of HTTP/1.1 disagree: what the service must read in them, and what it must refuse.

A gateway may refuse more than the service, or less: what it passes on it writes anew. But it must never read other
requests in the same bytes. So each case has one reading. The service reads the whole of it, or nothing if the case is
refused. What comes through a gateway is a part of it, in its order.
"""

from typing import NamedTuple

from tests.attacks.recorder import Request

BODY = b'{"a": 1}'
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: leads.test\r\n\r\n"
"""A request in a body. Nobody may run it."""


class Case(NamedTuple):
    """Bytes, and the requests in them."""

    sent: bytes
    reading: list[Request]
    """Without the request that the test sends behind it."""
    refused: bool = False
    """Whether the service itself refuses the bytes, in the envelope, and runs nothing of them."""
    incomplete: bool = False
    """Whether more bytes would belong to the last request, so that nothing may follow."""
    closes: bool = False
    """Whether the service closes the connection behind it."""
    everywhere: bool = False
    """Whether it is so usual that every gateway must pass it on."""


def head(line: str, *fields: str, host: bool = True) -> bytes:
    """Return a head; each letter is a byte."""
    return "\r\n".join([line, *(["Host: leads.test"] if host else []), *fields, "", ""]).encode("latin-1")


def post(*fields: str, body: bytes = BODY) -> bytes:
    return head("POST /a HTTP/1.1", *fields) + body


def posted(body: bytes = BODY) -> list[Request]:
    return [Request("POST", b"/a", body)]


def got(target: bytes, method: str = "GET") -> list[Request]:
    return [Request(method, target)]


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(data), extension, data)


LAST = b"0\r\n\r\n"
CHUNKS = chunk(BODY) + LAST
SIZE = len(BODY)
CHUNKED = "Transfer-Encoding: chunked"
LENGTH = f"Content-Length: {SIZE}"


def _lengths() -> dict[str, Case]:
    """Return cases about Content-Length."""
    refused = {
        "twice, the same": [LENGTH, LENGTH],
        "twice, first right": [LENGTH, "Content-Length: 0"],
        "twice, last right": ["Content-Length: 0", LENGTH],
        "twice, in other cases": [LENGTH, f"content-LENGTH: {SIZE}"],
        "a list of equal ones": [f"Content-Length: {SIZE}, {SIZE}"],
        "a list": [f"Content-Length: {SIZE}, 0"],
        "a list with nothing in it": [f"Content-Length: {SIZE},"],
        "a plus": [f"Content-Length: +{SIZE}"],
        "a minus": [f"Content-Length: -{SIZE}"],
        "minus nothing": ["Content-Length: -0"],
        "hexadecimal": [f"Content-Length: 0x{SIZE}"],
        "octal": [f"Content-Length: 0o{SIZE}"],
        "a point": [f"Content-Length: {SIZE}.0"],
        "an exponent": [f"Content-Length: {SIZE}e0"],
        "an underscore": [f"Content-Length: 0_{SIZE}"],
        "a space inside": ["Content-Length: 0 8"],
        "quoted": [f'Content-Length: "{SIZE}"'],
        "a letter behind": [f"Content-Length: {SIZE}x"],
        "nothing": ["Content-Length:"],
        "blanks": ["Content-Length:  \t"],
        "digits of another script": ["Content-Length: \xd9\xa8"],
        "a superscript in Latin-1": ["Content-Length: \xb2"],
        "beyond 64 bits": ["Content-Length: 18446744073709551624"],
        "beyond 64 bits, signed": ["Content-Length: 9223372036854775808"],
        "very long": ["Content-Length: " + "9" * 1000],
        "behind a bare line feed": [f"X: y\nContent-Length: {SIZE}"],
        "behind a bare carriage return": [f"X: y\rContent-Length: {SIZE}"],
        "behind a NUL": [f"X: y\x00\r\nContent-Length: {SIZE}"],
        "a space before the colon": [f"Content-Length : {SIZE}"],
        "a tab before the colon": [f"Content-Length\t: {SIZE}"],
        "a space before the name": [f"X: y\r\n Content-Length: {SIZE}"],
        "a form feed in the value": [f"Content-Length: \x0c{SIZE}"],
        "a vertical tab in the value": [f"Content-Length: \x0b{SIZE}"],
        "folded": [f"Content-Length:\r\n {SIZE}"],
        "no-break space": ["Content-Length: \xa08"],
    }
    cases = {name: Case(post(*fields), posted(), refused=True) for name, fields in refused.items()}
    for name in ("a minus", "minus nothing", "beyond 64 bits", "beyond 64 bits, signed", "very long"):
        cases[name] = cases[name]._replace(reading=[])
    folded = "a space before the name"  # it belongs to the value before
    cases[folded] = cases[folded]._replace(reading=posted(b""))
    return cases | {
        "usual": Case(post(LENGTH), posted(), everywhere=True),
        "blanks around": Case(post(f"Content-Length: \t {SIZE} \t"), posted()),
        "no blank": Case(post(f"Content-Length:{SIZE}"), posted(), everywhere=True),
        "zeros before": Case(post(f"Content-Length: 00000{SIZE}"), posted()),
        "of nothing": Case(post("Content-Length: 0", body=b""), posted(b""), everywhere=True),
        "none": Case(post(body=b""), posted(b""), everywhere=True),
        "none, with a request behind": Case(
            post(body=HIDDEN), [Request("POST", b"/a"), Request("GET", b"/hidden")], everywhere=True
        ),
        "a name like it": Case(post("Content-Length-X: 5", "X-Content-Length: 5", LENGTH), posted(), everywhere=True),
        "a name like it, with an underscore": Case(post("Content_Length: 3", LENGTH), posted()),
        "in the value of another": Case(post("X: Content-Length: 3", LENGTH), posted(), everywhere=True),
        "a request in the body": Case(
            post(f"Content-Length: {len(HIDDEN)}", body=HIDDEN), posted(HIDDEN), everywhere=True
        ),
        "a body of GET": Case(
            head("GET /a HTTP/1.1", f"Content-Length: {len(HIDDEN)}") + HIDDEN,
            [Request("GET", b"/a", HIDDEN)],
            everywhere=True,
        ),
        "a body of HEAD": Case(
            head("HEAD /a HTTP/1.1", f"Content-Length: {len(HIDDEN)}") + HIDDEN, [Request("HEAD", b"/a", HIDDEN)]
        ),
        "a body of DELETE": Case(
            head("DELETE /a HTTP/1.1", f"Content-Length: {len(HIDDEN)}") + HIDDEN,
            [Request("DELETE", b"/a", HIDDEN)],
            everywhere=True,
        ),
        "more than comes": Case(post("Content-Length: 1000", body=HIDDEN), [], incomplete=True),
        "very much": Case(post("Content-Length: 999999999999999999", body=HIDDEN), [], incomplete=True),
    }


def _codings() -> dict[str, Case]:
    """Return cases about Transfer-Encoding, alone and beside Content-Length."""
    refused = {
        "with a length before": [LENGTH, CHUNKED],
        "with a length behind": [CHUNKED, f"Content-Length: {len(CHUNKS)}"],
        "with a length of nothing": [CHUNKED, "Content-Length: 0"],
        "with a length beyond": [CHUNKED, "Content-Length: 999"],
        "twice": [CHUNKED, CHUNKED],
        "chunked and identity": [CHUNKED, "Transfer-Encoding: identity"],
        "identity and chunked": ["Transfer-Encoding: identity", CHUNKED],
        "a list of two": ["Transfer-Encoding: chunked, chunked"],
        "gzip, chunked": ["Transfer-Encoding: gzip, chunked"],
        "chunked, gzip": ["Transfer-Encoding: chunked, gzip"],
        "chunked, identity": ["Transfer-Encoding: chunked, identity"],
        "identity": ["Transfer-Encoding: identity"],
        "a comma before": ["Transfer-Encoding: , chunked"],
        "a comma behind": ["Transfer-Encoding: chunked,"],
        "quoted": ['Transfer-Encoding: "chunked"'],
        "a parameter": ["Transfer-Encoding: chunked;q=1"],
        "a letter before": ["Transfer-Encoding: xchunked"],
        "a letter behind": ["Transfer-Encoding: chunkedx"],
        "nothing": ["Transfer-Encoding:"],
        "a vertical tab": ["Transfer-Encoding: \x0bchunked"],
        "a form feed": ["Transfer-Encoding: chunked\x0c"],
        "a NUL": ["Transfer-Encoding: chunked\x00"],
        "a bare carriage return": ["Transfer-Encoding: \rchunked"],
        "a bare line feed": [f"X: y\n{CHUNKED}"],
        "a no-break space": ["Transfer-Encoding: \xa0chunked"],
        "a space before the colon": ["Transfer-Encoding : chunked"],
        "a tab before the colon": ["Transfer-Encoding\t: chunked"],
        "folded": ["Transfer-Encoding:\r\n chunked"],
        "folded behind": ["Transfer-Encoding: chunked\r\n , identity"],
        "a letter that folds to k": ["Transfer-Encoding: chun\xe2\x84\xaaed"],
    }
    cases = {
        f"{name}, as chunks": Case(post(*fields, body=CHUNKS), posted(), refused=True)
        for name, fields in refused.items()
    }
    sized = {
        f"{name}, with a length": Case(post(*fields, LENGTH), posted(), refused=True)
        for name, fields in refused.items()
        if not any(field.startswith("Content-Length") for field in fields)
    }
    old = head("POST /a HTTP/1.0", CHUNKED, host=False)
    return cases | sized | {
        "usual": Case(post(CHUNKED, body=CHUNKS), posted(), everywhere=True),
        "in capitals": Case(post("TRANSFER-ENCODING: CHUNKED", body=CHUNKS), posted(), everywhere=True),
        "a blank behind": Case(post("Transfer-Encoding: chunked \t", body=CHUNKS), posted()),
        "blanks before": Case(post("Transfer-Encoding: \t chunked", body=CHUNKS), posted()),
        "an underscore": Case(post("Transfer_Encoding: chunked", LENGTH), posted()),
        "a name like it": Case(post("Transfer-Encoding-X: chunked", "X-Transfer-Encoding: chunked", LENGTH), posted()),
        "a request in a chunk": Case(post(CHUNKED, body=chunk(HIDDEN) + LAST), posted(HIDDEN), everywhere=True),
        "no body": Case(post(CHUNKED, body=LAST), posted(b""), everywhere=True),
        "GET": Case(head("GET /a HTTP/1.1", CHUNKED) + CHUNKS, [Request("GET", b"/a", BODY)]),
        "in HTTP/1.0": Case(old + CHUNKS, [Request("POST", b"/a", BODY)], refused=True),
        "in HTTP/1.0, to be kept": Case(
            head("POST /a HTTP/1.0", "Connection: keep-alive", CHUNKED) + CHUNKS, posted(), refused=True
        ),
        "named by Connection": Case(
            post("Connection: keep-alive, Transfer-Encoding", CHUNKED, body=CHUNKS), posted(), everywhere=False
        ),
        "length named by Connection": Case(post("Connection: keep-alive, Content-Length", LENGTH), posted()),
        "TE": Case(post("TE: chunked, trailers", "Connection: TE", LENGTH), posted()),
    }  # fmt: skip


def _chunks() -> dict[str, Case]:
    """Return cases about chunks."""

    def case(body: bytes, **more: bool) -> Case:
        return Case(post(CHUNKED, body=body), posted(), **more)

    data = BODY + b"\r\n"
    refused = {
        "no size": b"\r\n" + data + LAST,
        "a sign": b"+8\r\n" + data + LAST,
        "a minus": b"-8\r\n" + data + LAST,
        "a prefix": b"0x8\r\n" + data + LAST,
        "an underscore": b"0_8\r\n" + data + LAST,
        "a space before": b" 8\r\n" + data + LAST,
        "a tab before": b"\t8\r\n" + data + LAST,
        "a letter behind": b"8g\r\n" + data + LAST,
        "a comma": b"8,8\r\n" + data + LAST,
        "a NUL": b"8\x00\r\n" + data + LAST,
        "a vertical tab": b"8\x0b\r\n" + data + LAST,
        "a form feed": b"8\x0c\r\n" + data + LAST,
        "a bare line feed": b"8\n" + data + LAST,
        "a bare carriage return": b"8\r" + data + LAST,
        "a carriage return more": b"8\r\r\n" + data + LAST,
        "two line ends": b"8\r\n\r\n" + data + LAST,
        "a wrapped size": b"10000000000000008\r\n" + data + LAST,
        "many zeros": b"0" * 2000 + b"8\r\n" + data + LAST,
        "a line feed in an extension": b"8;a\nb\r\n" + data + LAST,
        "a carriage return in an extension": b"8;a\rb\r\n" + data + LAST,
        "a NUL in an extension": b"8;a\x00b\r\n" + data + LAST,
        "a long extension": b"8;" + b"a" * 20_000 + b"\r\n" + data + LAST,
        "data too long": b"8\r\n" + BODY + b"x\r\n" + LAST,
        "data that ends in a line feed": b"8\r\n" + BODY + b"\n" + LAST,
        "data that ends in a carriage return": b"8\r\n" + BODY + b"\r" + LAST,
        "data without an end": b"8\r\n" + BODY + LAST,
        "a last chunk that ends in a line feed": chunk(BODY) + b"0\n\r\n",
        "line feeds at the end": chunk(BODY) + b"0\n\n",
        "a bad trailer": chunk(BODY) + b"0\r\nx y: z\r\n\r\n",
        "a trailer with a space before the colon": chunk(BODY) + b"0\r\nContent-Length : 5\r\n\r\n",
        "a folded trailer": chunk(BODY) + b"0\r\nX: y\r\n z\r\n\r\n",
        "a trailer that is a request": chunk(BODY) + b"0\r\n" + HIDDEN,
        "a trailer with a bare line feed": chunk(BODY) + b"0\r\nX: y\nZ: 1\r\n\r\n",
    }
    empty = {"a wrapped size", "a minus"}
    return {
        name: case(body, refused=True)._replace(reading=[] if name in empty else posted())
        for name, body in refused.items()
    } | {
        # A line feed is all that is left of the end of the chunk.
        "data too short": Case(post(CHUNKED, body=b"9\r\n" + data + LAST), posted(BODY + b"\r"), refused=True),
        "a wrapped size of 32 bits": Case(post(CHUNKED, body=b"100000008\r\n" + data + LAST), [], incomplete=True),
        "several": case(chunk(BODY[:3]) + chunk(BODY[3:]) + LAST, everywhere=True),
        "capital digits": Case(
            post(CHUNKED, body=b"1A\r\n" + b"x" * 26 + b"\r\n" + LAST), posted(b"x" * 26), everywhere=True
        ),
        "zeros before": case(b"008\r\n" + data + LAST),
        "more zeros at the end": case(chunk(BODY) + b"000\r\n\r\n"),
        "an extension": case(chunk(BODY, b";a=b") + LAST, everywhere=True),
        "an extension without a name": case(chunk(BODY, b";") + LAST),
        "a quoted extension": case(chunk(BODY, b';a="\t;b"') + LAST),
        "an extension of the last chunk": case(chunk(BODY) + b"0;a=b\r\n\r\n"),
        "blanks before an extension": case(chunk(BODY, b" ;a") + LAST),
        "blanks behind the size": case(chunk(BODY, b" ") + LAST),
        "an extension beyond ASCII": case(chunk(BODY, b";\xff\xfe") + LAST),
        "a request in an extension": case(chunk(BODY, b";GET /hidden HTTP/1.1") + LAST),
        "a trailer": case(chunk(BODY) + b"0\r\nX-Sum: 1\r\n\r\n"),
        "a trailer of the framing": case(
            chunk(BODY) + b"0\r\nContent-Length: 999\r\nTransfer-Encoding: gzip\r\nHost: b\r\n\r\n"
        ),
        "no last chunk": Case(post(CHUNKED, body=chunk(BODY)), [], incomplete=True),
        "no end of the trailers": Case(post(CHUNKED, body=chunk(BODY) + b"0\r\n"), [], incomplete=True),
        "a size that never comes": Case(post(CHUNKED, body=b"fffffff\r\n" + HIDDEN), [], incomplete=True),
    }


def _heads() -> dict[str, Case]:
    """Return cases about the request line and the fields."""

    def refused(sent: bytes, reading: list[Request] | None = None) -> Case:
        return Case(sent, got(b"/a") if reading is None else reading, refused=True)

    line = "GET /a HTTP/1.1"
    return {
        "usual": Case(head(line), got(b"/a"), everywhere=True),
        "empty lines before": Case(b"\r\n\r\n" + head(line), got(b"/a")),
        "line feeds before": refused(b"\n\n" + head(line)),
        "a space before": refused(b" " + head(line)),
        "only line feeds": refused(head(line).replace(b"\r\n", b"\n")),
        "only carriage returns": refused(head(line).replace(b"\r\n", b"\r")),
        "a carriage return more": refused(head(line).replace(b"\r\n", b"\r\r\n")),
        "two spaces": refused(head("GET  /a HTTP/1.1")),
        "a tab": refused(head("GET\t/a HTTP/1.1")),
        "a space behind": refused(head("GET /a HTTP/1.1 ")),
        "a space in the target": refused(head("GET /a b HTTP/1.1"), []),
        "a version in the target": refused(head("GET /a HTTP/1.1 HTTP/1.1"), []),
        "no version": refused(head("GET /a")),
        "HTTP/0.9": refused(b"GET /a\r\n", [Request("GET", b"/a")]),
        "a version in small letters": refused(head("GET /a http/1.1")),
        "a version with zeros": refused(head("GET /a HTTP/01.1")),
        "HTTP/1.10": refused(head("GET /a HTTP/1.10")),
        "HTTP/1.2": refused(head("GET /a HTTP/1.2")),
        "HTTP/1": refused(head("GET /a HTTP/1")),
        "HTTP/2.0": refused(head("GET /a HTTP/2.0")),
        "the preface of HTTP/2": refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []),
        "HTTP/1.0": Case(head("GET /a HTTP/1.0"), got(b"/a"), everywhere=True, closes=True),
        "HTTP/1.0, to be kept": Case(head("GET /a HTTP/1.0", "Connection: keep-alive"), got(b"/a"), closes=True),
        "HTTP/1.0 without a host": Case(head("GET /a HTTP/1.0", host=False), got(b"/a"), closes=True),
        "to be closed": Case(head(line, "Connection: close"), got(b"/a"), everywhere=True, closes=True),
        "to be closed, and kept": Case(head(line, "Connection: keep-alive, close"), got(b"/a"), closes=True),
        "a method in small letters": Case(head("get /a HTTP/1.1"), got(b"/a", "get")),
        "an unknown method": Case(head("FETCH /a HTTP/1.1"), got(b"/a", "FETCH")),
        "a method that is a number": Case(head("123 /a HTTP/1.1"), got(b"/a", "123")),
        "a method of odd signs": Case(head("X!#$%&'*+-.^_`|~ /a HTTP/1.1"), got(b"/a", "X!#$%&'*+-.^_`|~")),
        "a method that is none": refused(head("GE(T /a HTTP/1.1"), []),
        "a method beyond ASCII": refused(head("G\xc3\x89T /a HTTP/1.1"), []),
        "TRACE": Case(head("TRACE /a HTTP/1.1"), got(b"/a", "TRACE")),
        "the method overridden": Case(
            head(line, "X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE"), got(b"/a"), everywhere=True
        ),
        "the gateway's own field": Case(
            post("X-Request-Method: DELETE", "X_Request_Method: PUT", LENGTH), posted(), everywhere=True
        ),
        "the gateway's own field, on PUT": Case(
            head("PUT /a HTTP/1.1", "X-Request-Method: DELETE", "Content-Length: 0"), got(b"/a", "PUT"), everywhere=True
        ),
        "no host": refused(head(line, host=False)),
        "two hosts": refused(head(line, "Host: b")),
        "two equal hosts": refused(head(line, "Host: leads.test")),
        "a list of hosts": refused(head(line, "Host: a, b", host=False)),
        "an empty host": refused(head(line, "Host:", host=False)),
        "a host with a path": refused(head(line, "Host: a/hidden", host=False)),
        "a host with a user": refused(head(line, "Host: u@a", host=False)),
        "a host with a space": refused(head(line, "Host: a b", host=False)),
        "a host with a bad port": refused(head(line, "Host: a:b", host=False)),
        "a host with a NUL": refused(head(line, "Host: a\x00", host=False)),
        "a host beyond ASCII": refused(head(line, "Host: \xc3\xa9", host=False)),
        "a host with a port": Case(head(line, "Host: a:81", host=False), got(b"/a"), everywhere=True),
        "a host that is an address": Case(head(line, "Host: [::1]:81", host=False), got(b"/a"), everywhere=True),
        "a host in capitals": Case(head(line, "HOST: LEADS.TEST", host=False), got(b"/a"), everywhere=True),
        "a space before the colon": refused(head(line, "X : y")),
        "no colon": refused(head(line, "X")),
        "no name": refused(head(line, ": y")),
        "a space in a name": refused(head(line, "X y: z")),
        "a sign in a name": refused(head(line, "X(y): z")),
        "a name beyond ASCII": refused(head(line, "X\xc3\xa9: z")),
        "a folded line": refused(head(line, "X: y\r\n z")),
        "a folded first line": refused(head(" X: y", line), []),
        "a bare line feed in a value": refused(head(line, "X: y\nZ: 1")),
        "a bare carriage return in a value": refused(head(line, "X: y\rZ: 1")),
        "a NUL in a value": refused(head(line, "X: y\x00z")),
        "a control character in a value": refused(head(line, "X: y\x01z")),
        "a DEL in a value": refused(head(line, "X: y\x7fz")),
        "bytes beyond ASCII in a value": Case(head(line, "X: \xc3\xa9\xff"), got(b"/a"), everywhere=True),
        "no value": Case(head(line, "X:"), got(b"/a"), everywhere=True),
        "a tab in a value": Case(head(line, "X: y\tz"), got(b"/a")),
        "two keys": refused(head(line, "Authorization: Bearer a", "Authorization: Bearer b")),
        "two content types": refused(
            post("Content-Type: text/plain", "content-type: application/json", LENGTH), posted()
        ),
        "two content encodings": refused(
            post("Content-Encoding: gzip", "Content-Encoding: identity", LENGTH), posted()
        ),
        "many fields": refused(head(line, *["X: aaaaaaaa"] * 4000)),
        "a long name": refused(head(line, "X" * 40_000 + ": y")),
        "a long value": refused(head(line, "X: " + "y" * 40_000)),
        "a long target": refused(head(f"GET /{'a' * 9000} HTTP/1.1"), []),
        "a long method": refused(head(f"{'A' * 9000} /a HTTP/1.1"), []),
        "no end": Case(head(line)[:-2], [], incomplete=True),
        "no end of the line": Case(b"GET /a HTTP/1.1", [], incomplete=True),
    }  # fmt: skip


def _offers() -> dict[str, Case]:
    """Return cases about Expect, Upgrade and pipelining."""
    two = [Request("POST", b"/a", BODY), Request("POST", b"/a", BODY)]
    return {
        "Expect": Case(post("Expect: 100-continue", LENGTH), posted(), everywhere=True),
        "Expect in HTTP/1.0": Case(
            head("POST /a HTTP/1.0", "Expect: 100-continue", "Connection: keep-alive", LENGTH) + BODY,
            posted(),
            closes=True,
        ),
        "another expectation": Case(post("Expect: 200-ok", LENGTH), posted()),
        "Upgrade with a request in the body": Case(
            post("Connection: Upgrade", "Upgrade: websocket", f"Content-Length: {len(HIDDEN)}", body=HIDDEN),
            posted(HIDDEN),
        ),
        "h2c with a request in a chunk": Case(
            post(
                "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", CHUNKED,
                body=chunk(HIDDEN) + LAST,
            ),
            posted(HIDDEN),
        ),
        "Upgrade without a body": Case(
            head("GET /a HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"), got(b"/a")
        ),
        "CONNECT": Case(head("CONNECT leads.test:80 HTTP/1.1"), got(b"/", "CONNECT")),
        "CONNECT with a path": Case(head("CONNECT /a HTTP/1.1"), got(b"/", "CONNECT")),
        "pipelined": Case(post(LENGTH) + post(CHUNKED, body=CHUNKS), two, everywhere=True),
        "pipelined behind empty lines": Case(post(LENGTH) + b"\r\n" + post(LENGTH), two),
        "pipelined, one closes": Case(
            post(LENGTH) + head("GET /b HTTP/1.1", "Connection: close") + HIDDEN,
            [Request("POST", b"/a", BODY), Request("GET", b"/b")],
            everywhere=True,
            closes=True,
        ),
        "pipelined in HTTP/1.0": Case(head("GET /a HTTP/1.0") + HIDDEN, got(b"/a"), everywhere=True, closes=True),
        "a body longer than told": Case(post("Content-Length: 3"), posted(BODY[:3]), closes=True),
        "HEAD with requests behind": Case(
            head("HEAD /a HTTP/1.1") + head("GET /b HTTP/1.1"),
            [Request("HEAD", b"/a"), Request("GET", b"/b")],
            everywhere=True,
        ),
        "fifty": Case(head("GET /a HTTP/1.1") * 50, [Request("GET", b"/a")] * 50, everywhere=True),
    }  # fmt: skip


def _targets() -> dict[str, Case]:
    """Return cases about the request target; percent-encodings are decoded in what the application sees."""
    read: dict[str, tuple[str, bytes]] = {
        "a query": ("/a?b=c&d=%41", b"/a?b=c&d=%41"),
        "two question marks": ("/a?b?c", b"/a?b?c"),
        "an encoded slash": ("/a%2fb", b"/a/b"),
        "an encoded slash in capitals": ("/a%2Fb", b"/a/b"),
        "an encoded question mark": ("/a%3fb", b"/a?b"),
        "an encoded number sign": ("/a%23b", b"/a#b"),
        "an encoded letter": ("/%61", b"/a"),
        "encoded twice": ("/a%252fb", b"/a%2fb"),
        "an encoded line end": ("/a%0d%0aX:%20y", b"/a\r\nX: y"),
        "a semicolon": ("/a;b=c", b"/a;b=c"),
        "a backslash": ("/a\\b", b"/a\\b"),
        "an encoded backslash": ("/a%5cb", b"/a\\b"),
        "signs that need encoding": ('/a"<>^`{|}', b'/a"<>^`{|}'),
        "two slashes": ("//a//b", b"//a//b"),
        "one dot": ("/a/./b", b"/a/./b"),
        "two dots": ("/a/../b", b"/a/../b"),
        "a path beyond the root": ("/../a", b"/../a"),
        "an asterisk": ("*", b"*"),
        "two dots at the end": ("/a/..", b"/a/.."),
        "encoded dots": ("/a/%2e%2E/b", b"/a/../b"),
        "dots and encoded slashes": ("/a/..%2fb", b"/a/../b"),
        "UTF-8": ("/\xc3\xbc", "/ü".encode()),
        "UTF-8 in a query": ("/a?\xc3\xbc", b"/a?%C3%BC"),
    }
    refused: dict[str, tuple[str, list[Request]]] = {
        "a fragment": ("/a#b", got(b"/a")),
        "a fragment with a query": ("/a#?b=c", got(b"/a")),
        "a fragment in a query": ("/a?b#c", got(b"/a?b")),
        "no slash": ("a", []),
        "a NUL": ("/a\x00", []),
        "a tab": ("/a\tb", []),
        "a DEL": ("/a\x7f", []),
        "only a query": ("?a=b", []),
        "an authority": ("leads.test:80", []),
    }
    return {name: Case(head(f"GET {target} HTTP/1.1"), got(seen)) for name, (target, seen) in read.items()} | {
        name: Case(head(f"GET {target} HTTP/1.1"), reading, refused=True) for name, (target, reading) in refused.items()
    }


CORPUS: dict[str, dict[str, Case]] = {
    "lengths": _lengths(),
    "codings": _codings(),
    "chunks": _chunks(),
    "heads": _heads(),
    "offers": _offers(),
    "targets": _targets(),
}
"""All cases, by group and name."""
