"""A bare ASGI function that answers a lead, always the same one: what the HTTP server alone costs."""

import json
from typing import Any

_LEAD = {
    "id": 59, "title": "Acme - new website", "value": "2500.00",
    "status": {"id": 1, "title": "New", "color": "default"},
    "active_state": "active", "category": {"id": 3, "name": "Default"}, "source": "Website",
    "last_contacted": "2026-06-15", "description": "Inbound enquiry.",
    "contact": {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example", "phone": None,
                "job_position": "CTO", "company_name": "Acme Inc", "website": None},
    "address": {"street": None, "city": None, "state": None, "zip": None, "country": None},
    "converted": {"is_converted": False, "client_id": None, "date": None},
    "assigned": [{"id": 53, "name": "Sam Lee"}], "tags": ["priority"],
    "dates": {"created": "2026-06-15T09:30:00.000000Z", "updated": "2026-06-15T09:30:00.000000Z"},
    "custom_fields": {}, "comments_count": 2, "version": 7,
}  # fmt: skip
_BODY = json.dumps({"data": _LEAD, "message": "Lead retrieved successfully."}, separators=(",", ":")).encode()
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY})
