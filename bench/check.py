"""Do the peers do the same work? Each operation once, its answer compared with the service's."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx

from bench.servers import Server

_CREATE = {
    "lead_title": " Café Acme - new website ", "lead_status": 1, "lead_categoryid": "3", "lead_firstname": "Zoë",
    "lead_email": "Zoe@Acme.example", "lead_company_name": "Acme Inc", "lead_value": "2500.005", "lead_phone": "",
    "lead_last_contacted": "2026-06-15", "lead_description": "Inbound enquiry.", "lead_city": "Porto",
}  # fmt: skip
_INVALID = {
    "lead_status": 1, "lead_categoryid": 3, "lead_email": "nobody 1", "lead_value": "much", "lead_titel": "Acme",
}  # fmt: skip
_OWNER = {"first_name": "Jane", "last_name": "Doe", "client_billing_invoice_due_days": 14}
_WRITTEN = {"id", "client_id", "created", "updated", "created_from_lead_id", "date"}
"""What must differ between the records that two services write."""
_NEWER = {"external_id"}
"""What peers, and earlier versions of the service, need not show."""


def differences(server: Server, service: Server, key: str) -> list[str]:
    """Return in what a peer's answers differ from the service's."""
    # Both read before either writes: the newest leads are then the same for both.
    own, expected = _reads(server, key), _reads(service, key)
    own |= _writes(server, key)
    expected |= _writes(service, key)
    return [
        f"{server.name}: {name}: {path or 'it'} is {here}, but {there} of the service"
        for name, answer in expected.items()
        for path, here, there in _unlike(own[name], answer)
    ]


def _unlike(own: Any, expected: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    if isinstance(own, dict) and isinstance(expected, dict) and own.keys() - _NEWER == expected.keys() - _NEWER:
        for name in expected.keys() & own.keys():
            yield from _unlike(own[name], expected[name], f"{path}.{name}")
    elif isinstance(own, list) and isinstance(expected, list) and len(own) == len(expected):
        for position, item in enumerate(expected):
            yield from _unlike(own[position], item, f"{path}.{position}")
    elif own != expected:
        yield path.strip("."), json.dumps(own), json.dumps(expected)


def _caller(server: Server, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}", "X-Request-ID": "check-1"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=10)


def _reads(server: Server, key: str) -> dict[str, Any]:
    """Return the answers to what only reads, and to some that must fail."""
    with _caller(server, key) as http:
        answers = {
            "get": http.get("/api/leads/7"),
            "get of a converted one": http.get("/api/leads/12"),
            "get of none": http.get("/api/leads/999999999"),
            "list": http.get("/api/leads"),
            "list, the oldest first": http.get("/api/leads?order=asc&page=3"),
            "list by status": http.get("/api/leads?status=5&limit=10&order=asc"),
            "list by title": http.get("/api/leads?sort=lead_title&order=asc&page=2&limit=20"),
            "list by title, backwards": http.get("/api/leads?sort=lead_title&page=2&limit=10"),
            "list by value": http.get("/api/leads?sort=lead_value&limit=50"),
            "list by value, null first": http.get("/api/leads?sort=lead_value&order=asc&limit=10"),
            "list by last contact": http.get("/api/leads?sort=lead_last_contacted&page=20"),
            "search": http.get("/api/leads?search=caf%C3%A9%20NEW&order=asc&limit=10"),
            "search of nothing": http.get("/api/leads?search=no.thing"),
            "search of what an expression would find": http.get("/api/leads?search=caf.*"),
            "no key": http.get("/api/leads/1", headers={"Authorization": "Bearer wrong"}),
        }
        return {name: _read(answer) for name, answer in answers.items()}


def _writes(server: Server, key: str) -> dict[str, Any]:
    """Return the answers to what writes, and to reads of what was written, without ids."""
    with _caller(server, key) as http:
        created = http.post("/api/leads", json=_CREATE)
        lead = f"/api/leads/{created.json()['data']['id']}"
        email = f"{server.name}{lead.rpartition('/')[2]}@check.example"
        answers = {
            "create": created,
            "get what was created": http.get(lead),
            "find what was created": http.get("/api/leads?search=cafe+acme.example&limit=1"),
            "invalid create": http.post("/api/leads", json=_INVALID),
            "create with an unknown status": http.post("/api/leads", json=_CREATE | {"lead_status": 99}),
            "patch": http.patch(lead, json={"lead_value": 10.5, "lead_job_position": "CTO", "lead_city": None}),
            "patch of the title": http.patch(lead, json={"lead_title": "Renamed"}),
            "find what was renamed": http.get("/api/leads?search=renamed&limit=1"),
            "status": http.put(f"{lead}/status", json={"status": 5}),
            "comment": http.post(f"{lead}/comments", json={"comment": " Called. "}),
            "comment on none": http.post("/api/leads/999999999/comments", json={"comment": "Called."}),
            "convert": http.post(f"{lead}/convert", json=_OWNER | {"email": email}),
            "convert again": http.post(f"{lead}/convert", json=_OWNER | {"email": email}),
            "convert with a taken e-mail": http.post("/api/leads/1/convert", json=_OWNER | {"email": email.upper()}),
            "convert none": http.post("/api/leads/999999999/convert", json=_OWNER | {"email": f"no.{email}"}),
            "get what was converted": http.get(lead),
        }
        return {name: _without_ids(_read(answer)) for name, answer in answers.items()}


def _read(answer: httpx.Response) -> dict[str, Any]:
    """Return what of an answer must be the same."""
    headers = {name: answer.headers.get(name, "") for name in ("location", "www-authenticate", "x-request-id")}
    headers["location"] = re.sub("[0-9]+", "ID", headers["location"])
    body = answer.json()
    if body.get("meta"):
        del body["meta"]["total"], body["meta"]["last_page"]  # each check writes leads
    return {"status": answer.status_code, **headers, "body": body}


def _without_ids(body: Any) -> Any:
    match body:
        case dict():
            return {
                name: type(value).__name__ if name in _WRITTEN and not isinstance(value, dict) else _without_ids(value)
                for name, value in body.items()
            }
        case list():
            return [_without_ids(item) for item in body]
    return body
