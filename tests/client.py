"""The API as a test calls it: an HTTP client with a key, and short words for what many tests need."""

from typing import Any

import httpx

KEY = "test-key-0123456789-0123456789-abcdef"

RECEIVER = "http://127.0.0.1:9/hooks"
"""The URL of a webhook that nobody listens at."""

Json = dict[str, Any]


class Api:
    """Calls the service, in process or over TCP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def call(self, method: str, path: str, body: Json | None = None, **options: Any) -> httpx.Response:
        """Send a request with the key; `body` goes as JSON."""
        headers = {"Authorization": f"Bearer {KEY}"} | options.pop("headers", {})
        if body is not None:
            options["json"] = body
        return await self.http.request(method, path, headers=headers, **options)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.call("GET", path, params=params or None)

    async def post(self, path: str, body: Json | None = None, **options: Any) -> httpx.Response:
        return await self.call("POST", path, body, **options)

    async def put(self, path: str, body: Json | None = None, **options: Any) -> httpx.Response:
        return await self.call("PUT", path, body, **options)

    async def patch(self, path: str, body: Json | None = None, **options: Any) -> httpx.Response:
        return await self.call("PATCH", path, body, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.call("DELETE", path, **options)

    async def lead(self, **fields: Any) -> Json:
        """Create a lead; return it."""
        return await self._created(
            "/api/leads", {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3} | fields
        )

    async def member(self, first_name: str = "Sam", last_name: str = "Lee", **fields: Any) -> Json:
        """Add a team member; return them."""
        email = f"{first_name}.{last_name}@crm.example".lower()
        return await self._created(
            "/api/team", {"first_name": first_name, "last_name": last_name, "email": email} | fields
        )

    async def status(self, title: str = "Negotiation", **fields: Any) -> Json:
        """Create a lead status; return it."""
        return await self._created("/api/lead-statuses", {"title": title} | fields)

    async def category(self, name: str = "Partners", **fields: Any) -> Json:
        """Create a category of leads; return it."""
        return await self._created("/api/categories", {"name": name, "type": "lead"} | fields)

    async def custom_field(self, name: str = "colour", datatype: str = "text", **fields: Any) -> Json:
        """Create a custom field; return it."""
        return await self._created("/api/custom-fields", {"name": name, "title": name, "datatype": datatype} | fields)

    async def item(self, lead_id: int, text: str = "Call") -> Json:
        """Add a checklist item to a lead; return it."""
        body = {"checklistresource_type": "lead", "checklistresource_id": lead_id, "checklist_text": text}
        return await self._created("/api/checklists", body)

    async def webhook(self, url: str = RECEIVER, **fields: Any) -> Json:
        """Create a webhook; return it with its secret."""
        return await self._created("/api/webhooks", {"url": url, "events": ["*"]} | fields)

    async def comment(self, lead_id: int, text: str = "Called.") -> Json:
        """Comment on a lead; return the comment."""
        return await self._created(f"/api/leads/{lead_id}/comments", {"comment": text})

    async def client(self, lead_id: int, **fields: Any) -> Json:
        """Convert a lead; return the client."""
        choices = {"first_name": "Jane", "last_name": "Doe", "email": f"owner-{lead_id}@acme.example"}
        return await self._created(f"/api/leads/{lead_id}/convert", choices | fields)

    async def shown(self, lead_id: int) -> Json:
        """Return a lead."""
        answer = await self.get(f"/api/leads/{lead_id}")
        assert answer.status_code == 200, answer.text
        lead: Json = answer.json()["data"]
        return lead

    async def _created(self, path: str, body: Json) -> Json:
        answer = await self.post(path, body)
        assert answer.status_code == 201, answer.text
        data: Json = answer.json()["data"]
        return data


def errors(answer: httpx.Response) -> dict[str, list[str]]:
    """Return the faults of a 422, having looked at its envelope."""
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert body["message"] == "The given data was invalid."
    found: dict[str, list[str]] = body["errors"]
    return found
