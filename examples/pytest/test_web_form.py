"""Tests of the web form, against the whole API."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import web_form
from leads_api.testing import LeadsService

ENQUIRY = {"name": "Jane", "email": "jane@acme.example"}


def leads(service: LeadsService) -> list[dict[str, object]]:
    """Return all leads of a service."""
    found: list[dict[str, object]] = httpx.get(f"{service.url}/api/leads", headers=service.headers).json()["data"]
    return found


def test_an_enquiry_becomes_a_lead(leads_service: LeadsService) -> None:
    lead_id = web_form.send(ENQUIRY, enquiry_id="e1", url=leads_service.url, key=leads_service.key)

    assert [(lead["id"], lead["source"]) for lead in leads(leads_service)] == [(lead_id, "Web form")]


def test_a_wrong_address_is_refused(leads_service: LeadsService) -> None:
    with pytest.raises(web_form.RefusedError) as refused:
        web_form.send(ENQUIRY | {"email": "jane"}, enquiry_id="e1", url=leads_service.url, key=leads_service.key)

    assert refused.value.errors == {"lead_email": ["The lead email field must be a valid email address."]}
    assert leads(leads_service) == []


def test_two_clicks_at_the_same_time_make_one_lead(leads_on_a_database: LeadsService) -> None:
    def click(_: int) -> int | None:
        try:
            return web_form.send(
                ENQUIRY, enquiry_id="clicked-twice", url=leads_on_a_database.url, key=leads_on_a_database.key
            )
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:
                raise
            return None  # the first one is still in progress

    with ThreadPoolExecutor() as threads:
        made = set(threads.map(click, range(2))) - {None}

    assert made == {lead["id"] for lead in leads(leads_on_a_database)}
    assert len(made) == 1
