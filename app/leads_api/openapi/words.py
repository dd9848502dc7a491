"""The words of the OpenAPI document that belong to no single route."""

from typing import Any

TITLE = "Leads API"

DESCRIPTION = """\
The Leads API of a CRM: create, search, change, assign, tag, archive, comment on, clone and delete sales leads, and
convert one into a client.

**Authorization.** Everything under `/api` needs an API key: `Authorization: Bearer KEY`.

**Requests.** Bodies are JSON or forms (`application/x-www-form-urlencoded`), on POST, PUT and PATCH alike. In forms,
arrays are `name[]=1&name[]=2`, and one empty `name[]=` is the empty array. Numbers may be sent as strings. A blank
string means empty: null where that is allowed, else the default, else missing. Text is trimmed. No bytes at all are an
empty object. Unknown fields and query parameters are refused: a mistyped filter never returns the whole list.

**Answers.** `{"data": ..., "message": "..."}`, lists with `meta` between the two. Timestamps are UTC with six decimals,
money is a string with two.

**Errors.** `{"message": "..."}`, for 422 with `errors`, the texts of all faults of query and body by field; an item of
an array is keyed like `assigned.0`. Checks come in this order: 401, 404 of the path, 405, 413/415/400, 422, 404 of the
record, 409, and last whether an e-mail is taken (422). A 503 can be tried again after `Retry-After` seconds.

**Lists.** `page` counts from 1; more than 100 for `limit` are capped to 100; a page past the end is empty, with true
`meta`. HEAD works wherever GET does, and OPTIONS answers with the true `Allow`.
"""

TAGS = {
    "Leads": "Sales leads, and what can be done with them.",
    "Checklists": "What is still to do for a lead.",
    "Clients": "What converted leads have become.",
    "Lead statuses": "The stages that leads go through.",
    "Categories": "Drawers for leads and for clients.",
    "Team": "The people who work on leads.",
    "Custom fields": "Fields that leads have besides their own.",
    "Service": "What this is, and how it is. No key needed.",
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
