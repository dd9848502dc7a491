"""Whatever bytes come, and through whichever gateway: the application gets the same requests (contract, section 1)."""

import pytest

from tests.attacks.corpus import CORPUS, Case
from tests.attacks.recorder import Request
from tests.attacks.ways import END, Outcome, Ways

WAYS = ["direct", "nginx", "haproxy", "haproxy, lenient"]
GATEWAYS = WAYS[1:]


def is_part(part: list[Request], whole: list[Request]) -> bool:
    """Tell whether requests are among others, in their order."""
    rest = iter(whole)
    return all(request in rest for request in part)


def is_as_it_should(case: Case, way: str, outcome: Outcome) -> bool:
    whole = case.reading if case.closes or case.incomplete else [*case.reading, END]
    if way != "direct":
        return outcome.requests == whole if case.everywhere else is_part(outcome.requests, [*case.reading, END])
    if case.refused:
        first, _, rest = outcome.received.partition(b"\r\n")
        enveloped = rest.endswith(b'"}') and b'\r\n\r\n{"message":"' in rest and b"\r\nx-request-id: " in rest
        return not outcome.requests and first.split()[1][:1] in b"45" and enveloped and b"\r\nconnection: close" in rest
    return outcome.requests == whole


@pytest.mark.parametrize("group", CORPUS)
@pytest.mark.parametrize("way", WAYS)
async def test_the_same_requests_reach_the_application_in_every_way(ways: Ways, way: str, group: str) -> None:
    wrong = {}
    for name, case in CORPUS[group].items():
        outcome = await ways.send(way, case.sent, incomplete=case.incomplete, patient=case.everywhere)
        if not is_as_it_should(case, way, outcome):
            wrong[name] = outcome
    assert not wrong


async def test_no_spelling_of_the_metrics_path_reaches_the_application_through_the_shipped_gateway(ways: Ways) -> None:
    spellings = [
        "/metrics", "/metrics/", "/metrics?a", "/metrics/?a=b", "/%6detrics", "/metric%73/", "/metrics%2f", "//metrics",
        "/./metrics", "/a/../metrics", "/a/..%2fmetrics", "/%2e/metrics", "/metrics/.", "/metrics/a/..",
        "http://leads.test/metrics", "http://leads.test//metrics", "/metrics;a", "/metrics%00",
    ]  # fmt: skip
    for target in spellings:
        outcome = await ways.send("nginx", f"GET {target} HTTP/1.1\r\nHost: leads.test\r\n\r\n".encode())
        paths = {request.target.partition(b"?")[0].removesuffix(b"/") for request in outcome.requests}
        assert b"/metrics" not in paths, target
