"""The committed OpenAPI document is the one that is served, so that a change of it is made on purpose."""

from pathlib import Path

import msgspec

from leads_api import asgi

SNAPSHOT = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_the_committed_document_is_the_served_one() -> None:
    committed = msgspec.json.decode(SNAPSHOT.read_bytes())

    served = msgspec.json.decode(msgspec.json.encode(asgi.openapi()))

    assert served == committed, "run `make openapi`, and commit what has changed"
