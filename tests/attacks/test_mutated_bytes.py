"""The corpus, mutated: no change of it makes a gateway and the service read other requests (contract, section 1)."""

import random

import pytest

from tests.attacks.corpus import CORPUS, HIDDEN
from tests.attacks.test_raw_bytes import GATEWAYS, is_part
from tests.attacks.ways import Ways

CASES = [case.sent for group in CORPUS.values() for case in group.values() if len(case.sent) < 500]
PIECES = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b"\t", b" ", b"\x0b", b"\x0c", b"\x7f", b"\x80", b"\xa0", b"\xff",
    b":", b",", b";", b'"', b"#", b"?", b"%", b"/", b"..", b"%2f", b"0", b"1", b"8", b"a", b"+", b"-", b"0x", b"_",
    b"chunked", b"identity", b"gzip, ", b"Content-Length: 0\r\n", b"Content-Length: 8\r\n", b"Content-Length: 30\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding:\r\n chunked\r\n",
    b"Connection: close\r\n", b"Connection: keep-alive, Content-Length\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    b"Expect: 100-continue\r\n", b"Host: b\r\n", b"X: y\r\n z\r\n", b"HTTP/1.0", b"HTTP/1.1", b"0\r\n\r\n", b"8\r\n",
    HIDDEN,
]  # fmt: skip
"""What is put into the bytes: signs and fields that decide where a request ends."""

SEED = 9
MUTATED = 600


def mutated(chance: random.Random) -> bytes:
    """Return bytes of the corpus with one to three changes."""
    sent = chance.choice(CASES)
    for _ in range(chance.randint(1, 3)):
        places = [0, len(sent), *(place for place, sign in enumerate(sent) if sign in b"\r\n: ,;")]
        begin = chance.choice(places) if chance.random() < 0.7 else chance.randint(0, len(sent))
        end = min(len(sent), begin + chance.choice([0, 0, 0, 1, 1, 2, 9]))
        sent = sent[:begin] + chance.choice([b"", *PIECES]) + sent[end:]
        if chance.random() < 0.2:
            lines = sent.split(b"\r\n")
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
            sent = b"\r\n".join(lines)
    return sent


@pytest.mark.parametrize("way", GATEWAYS)
async def test_a_gateway_and_the_service_read_the_same_requests_in_mutated_bytes(ways: Ways, way: str) -> None:
    chance = random.Random(SEED)
    for _ in range(MUTATED):
        sent = mutated(chance)
        direct = (await ways.send("direct", sent)).requests
        through = (await ways.send(way, sent)).requests
        assert is_part(direct, through) or is_part(through, direct), sent
