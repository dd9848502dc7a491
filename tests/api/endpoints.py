"""The endpoints of the contract's tables (sections 3 and 4), each with a body that it accepts."""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from tests.client import Api, Json

FORM = "application/x-www-form-urlencoded"


class Endpoint(NamedTuple):
    """One row of the tables."""

    method: str
    path: str
    body: Json | None = None
    status: int = 200
    query: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, ids: Mapping[str, int]) -> str:
        """Return the path with these ids in their places."""
        return re.sub(r"\{(\w+)\}", lambda match: str(ids[match[1]]), self.path)

    def sent(self, ids: Mapping[str, int]) -> Json | None:
        """Return the body with these ids in their places."""
        return self.body and {name: _filled(value, ids) for name, value in self.body.items()}


def _filled(value: object, ids: Mapping[str, int]) -> object:
    if isinstance(value, list):
        return [_filled(item, ids) for item in value]
    return ids[value[1:-1]] if isinstance(value, str) and value[:1] == "{" else value


_LEAD: Json = {"lead_title": "Acme", "lead_status": 1, "lead_categoryid": 3}
_ITEM: Json = {"checklistresource_type": "lead", "checklistresource_id": "{lead}", "checklist_text": "Call"}
_PERSON: Json = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}

ENDPOINTS = [
    Endpoint("GET", "/api/leads"),
    Endpoint("POST", "/api/leads", _LEAD, 201),
    Endpoint("POST", "/api/leads/batch", {"leads": [_LEAD, _LEAD]}),
    Endpoint("GET", "/api/leads/{lead}"),
    Endpoint("PUT", "/api/leads/{lead}", _LEAD),
    Endpoint("PATCH", "/api/leads/{lead}", {"lead_title": "Acme Inc"}),
    Endpoint("GET", "/api/leads/by-external-id/{external_id}"),
    Endpoint("PUT", "/api/leads/by-external-id/{external_id}", _LEAD),
    Endpoint("PATCH", "/api/leads/by-external-id/{external_id}", {"lead_title": "Theirs"}),
    Endpoint("PUT", "/api/leads/{lead}/status", {"status": 3}),
    Endpoint("PUT", "/api/leads/{lead}/assigned", {"assigned": [1]}),
    Endpoint("PUT", "/api/leads/{lead}/tags", {"tags": ["priority", "late"]}),
    Endpoint("PUT", "/api/leads/{lead}/archive"),
    Endpoint("PUT", "/api/leads/{lead}/activate"),
    Endpoint("POST", "/api/leads/{lead}/clone", {"lead_title": "Acme again", "lead_status": 1}, 201),
    Endpoint("POST", "/api/leads/{lead}/convert", _PERSON, 201),
    Endpoint("GET", "/api/leads/{lead}/duplicates"),
    Endpoint("POST", "/api/leads/{lead}/merge", {"lead_ids": ["{duplicate}"]}),
    Endpoint("GET", "/api/leads/{lead}/comments"),
    Endpoint("POST", "/api/leads/{lead}/comments", {"comment": "Called."}, 201),
    Endpoint("GET", "/api/lead-statuses"),
    Endpoint("POST", "/api/lead-statuses", {"title": "Won"}, 201),
    Endpoint("GET", "/api/lead-statuses/{status}"),
    Endpoint("PATCH", "/api/lead-statuses/{status}", {"color": "info"}),
    Endpoint("GET", "/api/categories"),
    Endpoint("POST", "/api/categories", {"name": "Resellers", "type": "lead"}, 201),
    Endpoint("GET", "/api/categories/{category}"),
    Endpoint("PATCH", "/api/categories/{category}", {"name": "Friends"}),
    Endpoint("GET", "/api/team"),
    Endpoint("POST", "/api/team", {"first_name": "Ann", "last_name": "Poe", "email": "ann@crm.example"}, 201),
    Endpoint("GET", "/api/team/{member}"),
    Endpoint("PATCH", "/api/team/{member}", {"last_name": "Leigh"}),
    Endpoint("GET", "/api/custom-fields"),
    Endpoint("POST", "/api/custom-fields", {"name": "size", "title": "Size", "datatype": "number"}, 201),
    Endpoint("GET", "/api/custom-fields/{field}"),
    Endpoint("PATCH", "/api/custom-fields/{field}", {"title": "Shade"}),
    Endpoint("GET", "/api/clients"),
    Endpoint("GET", "/api/clients/{client}"),
    Endpoint("GET", "/api/checklists", query="resource_type=lead&resource_id=1"),
    Endpoint("PUT", "/api/checklists/positions", {"checklist_ids": ["{item}"]}),
    Endpoint("POST", "/api/checklists", _ITEM, 201),
    Endpoint("GET", "/api/checklists/{item}"),
    Endpoint("PATCH", "/api/checklists/{item}", {"checklist_text": "Write"}),
    Endpoint("PUT", "/api/checklists/{item}/status", {"status": "completed"}),
    Endpoint("GET", "/api/checklists/{item}/comments"),
    Endpoint("POST", "/api/checklists/{item}/comments", {"comment": "Done."}, 201),
    Endpoint("DELETE", "/api/checklists/{item}/comments/{item_comment}"),
    Endpoint("DELETE", "/api/checklists/{item}"),
    Endpoint("DELETE", "/api/leads/{lead}/comments/{comment}"),
    Endpoint("DELETE", "/api/leads/{lead}"),
    Endpoint("DELETE", "/api/lead-statuses/{status}"),
    Endpoint("DELETE", "/api/categories/{category}"),
    Endpoint("DELETE", "/api/team/{member}"),
    Endpoint("DELETE", "/api/custom-fields/{field}"),
]
"""In an order in which each answers with its status on the records below; deletions come last."""

WITH_BODY = [endpoint for endpoint in ENDPOINTS if endpoint.body is not None]
WITH_FORM = [endpoint for endpoint in WITH_BODY if endpoint.path != "/api/leads/batch"]
"""Those that take a form as well: it cannot express bodies in a body."""


async def make_records(api: Api) -> dict[str, int]:
    """Create one record of each kind; return their ids by the names that the paths use."""
    lead = (await api.lead())["id"]
    item = (await api.item(lead))["id"]
    answer = await api.post(f"/api/checklists/{item}/comments", {"comment": "Half done."})
    return {
        "lead": lead,
        "item": item,
        "item_comment": answer.json()["data"]["id"],
        "comment": (await api.comment(lead))["id"],
        "duplicate": (await api.lead(lead_title="Acme too"))["id"],
        "status": (await api.status())["id"],
        "category": (await api.category())["id"],
        "member": (await api.member())["id"],
        "field": (await api.custom_field())["id"],
        "client": (await api.client((await api.lead(lead_title="Sold"))["id"]))["id"],
        "external_id": int((await api.lead(lead_external_id="4711"))["external_id"]),
    }


def as_form(body: Json) -> bytes:
    """Return a body as a form; arrays as `name[]=1&name[]=2`."""
    pairs = [
        (f"{name}[]", item) if isinstance(value, list) else (name, item)
        for name, value in body.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    return urlencode(pairs).encode()
