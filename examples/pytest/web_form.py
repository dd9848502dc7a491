"""A web form that sends its enquiries to the Leads API."""

import httpx


class RefusedError(Exception):
    """The enquiry has errors; `errors` has their texts by field."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


def send(enquiry: dict[str, str], *, enquiry_id: str, url: str, key: str) -> int:
    """Create a lead from an enquiry, and return its id. To send an enquiry again makes no second lead."""
    body = {
        "lead_title": f"Enquiry of {enquiry['name']}",
        "lead_firstname": enquiry["name"],
        "lead_email": enquiry["email"],
        "lead_source": "Web form",
        "lead_status": 1,
        "lead_categoryid": 3,
    }
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": enquiry_id}
    response = httpx.post(f"{url}/api/leads", json=body, headers=headers)
    if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        raise RefusedError(response.json()["errors"])
    response.raise_for_status()
    lead_id: int = response.json()["data"]["id"]
    return lead_id
