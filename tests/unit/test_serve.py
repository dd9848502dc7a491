"""How long requests that have begun may take when the service ends (contract, section 5, "Health")."""

from typing import Any

import pytest

from leads_api.cli import serve
from leads_api.server import http
from leads_api.settings import Settings


@pytest.mark.parametrize(("timeout", "grace"), [(5.0, 6), (30.0, 20)])
def test_requests_under_way_have_their_time_and_twenty_seconds_at_most(
    monkeypatch: pytest.MonkeyPatch, timeout: float, grace: int
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(http, "run", lambda *_, **options: given.update(options))
    monkeypatch.setattr("signal.signal", lambda *_: None)

    with http.listen("127.0.0.1", 0) as listener:
        serve._run(Settings(request_timeout=timeout), listener, 1)

    assert given["grace_seconds"] == grace
