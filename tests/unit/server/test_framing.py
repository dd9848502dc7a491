"""Requests are the same whole and cut into packets (app/leads_api/server/framing.py)."""

import pytest

from leads_api.server.framing import MAX_HEAD, MAX_TARGET, Fields, Framing, Refused

GET = b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"
)
HEADS = b"Host: x\r\n\r\n"


class Read:
    """What was read from a connection."""

    def __init__(self, *packets: bytes) -> None:
        self.requests: list[tuple[str, bytes, bytes, bool]] = []
        self.refused: int | None = None
        self.framing = Framing(self)
        try:
            for packet in packets:
                self.framing.read(packet)
        except Refused as refused:
            self.refused = refused.status

    def on_request(self, method: str, target: bytes, fields: Fields, body: bytes | None) -> None:
        self.requests.append((method, target, body or b"", body is not None))

    def on_piece(self, piece: bytes, *, is_last: bool) -> None:
        method, target, body, _ = self.requests.pop()
        self.requests.append((method, target, body + piece, is_last))


@pytest.mark.parametrize(
    ("sent", "refused", "count"),
    [
        pytest.param(GET + POST + CHUNKED + GET, None, 4, id="pipelined"),
        pytest.param(b"\r\n\r\n" + GET + b"\r\n" + POST, None, 2, id="empty_lines"),
        pytest.param(b"A" * (MAX_TARGET + 101) + b" / HTTP/1.1\r\n" + HEADS, 414, 0, id="long_method"),
        pytest.param(b"A" * 100 + b" /" + b"a" * (MAX_TARGET - 1) + b" HTTP/1.1\r\n" + HEADS, 414, 0, id="long_line"),
        pytest.param(b"GET /" + b"a" * (MAX_TARGET - 1) + b" HTTP/1.1\r\n" + HEADS, None, 1, id="longest_target"),
        pytest.param(b"GET /" + b"a" * MAX_TARGET + b" HTTP/1.1\r\n" + HEADS, 414, 0, id="long_target"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"y" * MAX_HEAD + b"\r\n" + HEADS, 431, 0, id="long_head"),
        pytest.param(b"GET / HTTP/1.1\nHost: x\n\n", 400, 0, id="bare_line_feeds"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\n\r\n" + HEADS, 400, 0, id="a_bare_line_feed"),
        pytest.param(GET + POST.replace(b"5", b"+5"), 400, 1, id="refused_behind_another"),
    ],
)
def test_requests_are_the_same_whole_and_cut(sent: bytes, refused: int | None, count: int) -> None:
    whole = Read(sent)
    halves = [Read(sent[:cut], sent[cut:]) for cut in {*range(0, len(sent), 97), 1, len(sent) - 1}]
    bytewise = Read(*(sent[at : at + 1] for at in range(len(sent))))

    assert (whole.refused, len(whole.requests)) == (refused, count)
    for cut in (*halves, bytewise):
        assert (cut.refused, cut.requests) == (refused, whole.requests)


def test_an_empty_line_is_no_begun_head() -> None:
    assert not Read(GET + b"\r\n").framing.in_head
    assert Read(GET + b"\r\nG").framing.in_head
