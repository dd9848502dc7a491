"""Imports the contacts of a CSV file as leads."""

import csv
from collections.abc import Iterable

import httpx


def import_contacts(lines: Iterable[str], *, url: str, key: str) -> list[int]:
    """Create a lead from each row with a company, first name, last name and e-mail; return their ids."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http:
        return [_create(http, row) for row in csv.DictReader(lines)]


def _create(http: httpx.Client, row: dict[str, str]) -> int:
    form = {
        "lead_title": row["company"],
        "lead_company_name": row["company"],
        "lead_firstname": row["first name"],
        "lead_lastname": row["last name"],
        "lead_email": row["e-mail"],
        "lead_status": "1",
        "lead_categoryid": "3",
    }
    lead_id: int = http.post("/api/leads", data=form).raise_for_status().json()["data"]["id"]
    http.put(f"/api/leads/{lead_id}/tags", data={"tags[]": ["imported"]}).raise_for_status()
    return lead_id
