"""The feed as a caller follows it."""

from tests.client import Api, Json
from tests.wire.process import until


async def followed(api: Api, count: int, after: int = 0, **filters: object) -> list[Json]:
    """Return the next events, as soon as there are so many; no more are there then."""
    found: list[Json] = []

    async def enough() -> bool:
        start = found[-1]["id"] if found else after
        answer = await api.get("/api/events", after=start, limit=100, **filters)
        assert answer.status_code == 200, answer.text
        found.extend(answer.json()["data"])
        return len(found) >= count

    await until(enough, f"the feed has {count} events behind {after}")
    assert len(found) == count, [event["type"] for event in found]
    return found


async def last_id(api: Api) -> int:
    """Return the id of the last event after which nothing is outstanding: that of a new lead."""
    lead = await api.lead(lead_title="the last one")
    (event,) = await followed(api, 1, lead_id=lead["id"])
    event_id: int = event["id"]
    return event_id


def told(event: Json) -> tuple[str, int, list[str]]:
    """Return what an event is about: its type, the version and the changed fields."""
    return event["type"], event["data"]["version"], event["data"]["changed"]
