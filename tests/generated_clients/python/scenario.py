"""Uses a client from openapi-python-client; prints what it saw. Arguments: the service's URL and a key."""

import json
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

from leads_client import AuthenticatedClient
from leads_client.api.custom_fields import change_custom_field, create_custom_field
from leads_client.api.leads import (
    change_lead,
    convert_lead_to_client,
    create_lead,
    get_lead,
    list_leads,
    set_lead_assignees,
)
from leads_client.api.team import add_team_member, change_team_member
from leads_client.models import (
    AlreadyConvertedBody,
    ClientResponse,
    CustomFieldChanges,
    CustomFieldInput,
    CustomFieldInputDatatype,
    CustomFieldResponse,
    ErrorBody,
    InvalidBody,
    LeadAssignees,
    LeadChanges,
    LeadConvertInput,
    LeadCursorList,
    LeadInput,
    LeadList,
    LeadResponse,
    ListLeadsOrder,
    ListLeadsSort,
    TeamMemberChanges,
    TeamMemberInput,
    TeamMemberInputStatus,
    TeamMemberResponse,
)

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])


def of(kind: Any, answer: Any) -> Any:
    """Return an answer that must be of a type."""
    assert isinstance(answer, kind), answer
    return answer


def create(title: str, **fields: Any) -> Any:
    """Create a lead; return it."""
    body = LeadInput(lead_title=title, lead_status=1, lead_categoryid=3, **fields)
    body["size"] = 3  # a custom field
    return of(LeadResponse, create_lead.sync(client=client, body=body)).data


field = of(
    CustomFieldResponse,
    create_custom_field.sync(
        client=client, body=CustomFieldInput(name="size", title="Size", datatype=CustomFieldInputDatatype.NUMBER)
    ),
).data
first = create("Acme", lead_value="2500.00", lead_email="jane@acme.example", lead_last_contacted=date(2026, 6, 15))
others = [create("Best", lead_value=10.5), create("Cold")]

listed = of(
    LeadList,
    list_leads.sync(
        client=client,
        created_from=date(2020, 1, 1),
        created_to=datetime.now(UTC) + timedelta(days=1),
        sort=ListLeadsSort.LEAD_TITLE,
        order=ListLeadsOrder.ASC,
    ),
)

walked: list[int] = []
cursor: str | None = "*"
while cursor:
    page = of(LeadCursorList, list_leads.sync(client=client, cursor=cursor, limit=2))
    walked += [lead.id for lead in page.data]
    cursor = page.meta.next_cursor

patched = of(
    LeadResponse,
    change_lead.sync(first.id, client=client, body=LeadChanges(lead_phone="+49 30 1234", lead_email=None)),
).data

member = of(
    TeamMemberResponse,
    add_team_member.sync(
        client=client,
        body=TeamMemberInput(
            first_name="Sam", last_name="Lee", email="sam@crm.example", status=TeamMemberInputStatus.SUSPENDED
        ),
    ),
).data
renamed = of(
    TeamMemberResponse,
    change_team_member.sync(member.id, client=client, body=TeamMemberChanges(last_name="Leigh")),
).data
of(CustomFieldResponse, change_custom_field.sync(field.id, client=client, body=CustomFieldChanges(is_enabled=False)))
retitled = of(
    CustomFieldResponse,
    change_custom_field.sync(field.id, client=client, body=CustomFieldChanges(title="Height")),
).data
assigned = of(
    LeadResponse, set_lead_assignees.sync(first.id, client=client, body=LeadAssignees(assigned=[1]))
).data.assigned

wish = LeadConvertInput(first_name="Jane", last_name="Doe", email="jane@acme.example")
made = of(ClientResponse, convert_lead_to_client.sync(first.id, client=client, body=wish)).data
again = of(AlreadyConvertedBody, convert_lead_to_client.sync(first.id, client=client, body=wish))
unknown = of(ErrorBody, get_lead.sync(987654321, client=client))
refused = of(
    InvalidBody, create_lead.sync(client=client, body=LeadInput(lead_title="", lead_status=1, lead_categoryid=3))
)

sys.stdout.write(
    json.dumps(
        {
            "created": [first.title, first.value, str(first.last_contacted), first.custom_fields["size"]],
            "other values": [other.value for other in others],
            "listed": [lead.title for lead in listed.data],
            "total": listed.meta.total,
            "walked": walked == [others[1].id, others[0].id, first.id],
            "patched": [patched.title, patched.value, patched.contact.phone, patched.contact.email],
            "member": [renamed.name, str(renamed.status)],
            "field": [retitled.title, retitled.is_enabled],
            "assigned": [person.name for person in assigned],
            "client": [made.company_name, made.owner.name, made.created_from_lead_id == first.id],
            "converted again": [again.message, again.client_id == made.id],
            "unknown": unknown.message,
            "refused": refused.errors.to_dict(),
        }
    )
)
