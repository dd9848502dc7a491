"""The OpenAPI document as the service serves it."""

import pytest

from tests.client import Api, Json


@pytest.fixture
async def document(shared: Api) -> Json:
    found: Json = (await shared.http.get("/openapi.json")).json()
    return found
