"""The words of the OpenAPI document that belong to no single route."""

from typing import Any

TITLE = "Leads API"

DESCRIPTION = """\
A standalone lead-management API: create, search, change, assign, tag, archive, comment on, clone and delete leads,
and convert a lead into a client.

**Authorization.** Everything under `/api` requires an API key: `Authorization: Bearer KEY`.

**Requests.** Every endpoint accepts JSON and form-encoded bodies (`application/x-www-form-urlencoded`), for POST, PUT
and PATCH. In forms, write arrays as `name[]=1&name[]=2`, `name=1&name=2` or `name[0]=1&name[1]=2`; a single empty
`name[]=` is the empty array. Numbers may be sent as strings. A blank string means empty: null if the field may be null,
else the default, else missing. Leading and trailing white space of text is removed. An empty body counts as an empty
object. Unknown fields and query parameters are refused, so a mistyped filter never returns the whole list.

**Comparisons.** Text is stored and shown as it was sent. Filters and unique values compare it in any case, and in any
Unicode normalization. Lengths count characters of the NFC form. Titles are sorted without case and accents.

**Responses.** `{"data": ..., "message": "..."}`; lists have `meta` between the two. Timestamps are in UTC with six
decimals. Money is a string with two decimals.

**Errors.** `{"message": "..."}`. A 422 also has `errors`: the texts of all validation errors of query and body, by
field. The key of an array item is like `assigned.0`. Checks are made in this order: 401, 404 of the path, 405,
413/415/400, 422, 404 of the record, 409, and last whether an e-mail is taken (422). After a 503, you can repeat the
request in `Retry-After` seconds.

**Lists.** The first `page` is 1. A `limit` above 100 is reduced to 100. A page past the end is empty and has the true
`meta`. HEAD works wherever GET does, and OPTIONS returns the correct `Allow`.
"""

TAGS = {
    "Leads": "Sales leads, and what you can do with them.",
    "Checklists": "The to-do items of a lead.",
    "Clients": "Clients, which conversion creates from leads.",
    "Lead statuses": "The stages of leads.",
    "Categories": "Categories for leads and clients.",
    "Team": "The people who work on leads.",
    "Custom fields": "Additional fields of leads.",
    "Service": "Name, version and health of the service. No key is required.",
}

EXAMPLES: dict[str, Any] = {
    "LeadInput": {
        "lead_title": "Acme - new website",
        "lead_status": 1,
        "lead_categoryid": 3,
        "lead_firstname": "Jane",
        "lead_lastname": "Doe",
        "lead_email": "jane@acme.example",
        "lead_company_name": "Acme Inc",
        "lead_value": "2500.00",
        "lead_source": "Website",
    },
    "StatusChoice": {"status": 3},
    "Assignees": {"assigned": [1]},
    "Tags": {"tags": ["priority"]},
    "ConvertInput": {
        "first_name": "Jane",
        "last_name": "Doe",
        "email": "jane@acme.example",
        "client_billing_invoice_due_days": 7,
        "send_welcome_email": "yes",
    },
    "CloneInput": {"lead_title": "Acme - second website", "lead_status": 1, "copy_checklist": "on"},
    "CommentInput": {"comment": "Called, will send the proposal on Monday."},
    "StatusInput": {"title": "Negotiation", "color": "info"},
    "CategoryInput": {"name": "Partners", "type": "lead"},
    "CategoryChanges": {"name": "Resellers"},
    "MemberInput": {"first_name": "Sam", "last_name": "Lee", "email": "sam@crm.example"},
    "CustomFieldInput": {
        "name": "lead_custom_field_1",
        "title": "Favourite colour",
        "datatype": "dropdown",
        "options": ["blue", "green"],
    },
    "CustomFieldChanges": {"options": ["blue", "green", "red"]},
    "ItemInput": {
        "checklistresource_type": "lead",
        "checklistresource_id": 59,
        "checklist_text": "Send the proposal",
    },
    "ItemChanges": {"checklist_text": "Send the proposal by Monday"},
    "ItemStatusInput": {"status": "completed"},
    "Positions": {"checklist_ids": [3, 1, 2]},
}
"""Bodies, by the name of their struct."""
