"""Request schemas of leads: queries and bodies (contract, section 3)."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from leads_api.leads import cursor
from leads_api.leads.model import MAX_ASSIGNEES, MAX_TAGS, ActiveState
from leads_api.validation.fields import Date, Email, From, Id, Ids, Limit, Money, Page, Phone, Segment, Until, Words
from leads_api.validation.inputs import Consistent
from leads_api.validation.paging import Paging
from leads_api.validation.values import INT64_MAX, Wrong, array

MAX_BATCH = 100
"""How many leads one request may write."""

Title = Annotated[str, Meta(max_length=250)]
Name = Annotated[str, Meta(max_length=100)]
Line = Annotated[str, Meta(max_length=150)]
_ID = {"minimum": 1, "maximum": INT64_MAX}  # documented only: an invalid id is reported like an unknown one
StatusId = Annotated[
    int, Meta(extra={"reference": "lead_status"}, extra_json_schema=_ID, description="Id of a lead status.")
]
CategoryId = Annotated[
    int,
    Meta(extra={"reference": "lead_category"}, extra_json_schema=_ID, description="Id of a category of type lead."),
]
MemberId = Annotated[int, Meta(extra_json_schema=_ID, description="Id of an active team user.")]
LeadId = Annotated[int, Meta(extra_json_schema=_ID, description="Id of a lead.")]
ExternalId = Annotated[
    Segment,
    Meta(
        extra={"same_as": "external_id"},
        description="What another system calls the lead. No two leads have the same one, compared to the letter.",
    ),
]
YesNo = Literal["yes", "no"]
OnOff = Literal["on", "off"]
Token = Annotated[
    str,
    Meta(
        max_length=cursor.MAX_LENGTH,
        extra_json_schema={"pattern": r"^(\*|[A-Za-z0-9_-]+)$"},
        description=(
            "Start with `*`, then pass `next_cursor` from the previous response, with the same filters and sort."
            " `limit` may change."
        ),
    ),
]
CustomFields = Annotated[
    dict[str, Any],
    Meta(
        extra={"dynamic": "leads"},
        description="Each enabled custom field, by its own name, on the same level as the other fields.",
    ),
]


class LeadQuery(Consistent, frozen=True, kw_only=True):
    """Filters, sorting and paging of the list of leads. Filters combine with AND; an empty one is as if absent."""

    page: Annotated[
        Page | None, Meta(description="The first page is 1, which is the default. Do not combine with `cursor`.")
    ] = None
    limit: Limit = 25  # the setting LEADS_DEFAULT_LIMIT stands in for it
    cursor: Token | None = None
    status: Ids | None = None
    category_id: Id | None = None
    source: Annotated[Line | None, Meta(description="The whole value, in any case.")] = None
    active_state: Annotated[ActiveState | None, Meta(description="Only leads in this state. Default: both.")] = None
    assigned_user_id: Id | None = None
    email: Annotated[Email | None, Meta(description="The whole value, in any case.")] = None
    phone: Phone | None = None
    external_id: Annotated[Line | None, Meta(description="The whole value, to the letter.")] = None
    tag: Annotated[Name | None, Meta(description="The whole tag, in any case.")] = None
    converted: YesNo | None = None
    created_from: From | None = None
    created_to: Until | None = None
    updated_from: From | None = None
    updated_to: Until | None = None
    last_contacted_from: Date | None = None
    last_contacted_to: Date | None = None
    value_min: Money | None = None
    value_max: Money | None = None
    search: Words | None = None
    sort: Literal["lead_title", "lead_value", "lead_created", "lead_last_contacted"] = "lead_created"
    order: Literal["asc", "desc"] = "desc"

    @property
    def paging(self) -> Paging:
        """Return the page number and limit."""
        return Paging(page=self.page or 1, limit=self.limit)

    @staticmethod
    def contradictions(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Refuse `page` together with `cursor`, and a cursor of other filters or another sort."""
        if (token := values["cursor"]) is None:
            return
        if values["page"] is not None:
            yield "cursor", "The {} field must not be given together with page: leave page out."
        if token != cursor.START:
            try:
                cursor.read_cursor(token, values)
            except Wrong as wrong:
                yield "cursor", wrong.text


class LeadInput(Struct, frozen=True, kw_only=True):
    """A whole lead, and each enabled custom field by its own name."""

    lead_title: Title
    lead_status: StatusId
    lead_categoryid: CategoryId
    lead_firstname: Name | None = None
    lead_lastname: Name | None = None
    lead_email: Email | None = None
    lead_phone: Line | None = None
    lead_company_name: Line | None = None
    lead_job_position: Line | None = None
    lead_website: Line | None = None
    lead_value: Money | None = None
    lead_source: Line | None = None
    lead_last_contacted: Date | None = None
    lead_description: Annotated[str, Meta(max_length=65_000)] | None = None
    lead_street: Line | None = None
    lead_city: Line | None = None
    lead_state: Line | None = None
    lead_zip: Line | None = None
    lead_country: Line | None = None
    lead_external_id: ExternalId | None = None
    custom_fields: CustomFields = {}


class LeadBatch(Struct, frozen=True, kw_only=True):
    """Several leads to write. Each is checked on its own."""

    leads: Annotated[
        Any,
        Meta(
            extra={"convert": array(MAX_BATCH), "items": LeadInput},
            extra_json_schema={
                "sent": {"type": "array", "minItems": 1, "maxItems": MAX_BATCH, "items": {"$ref": "LeadInput"}}
            },
            description=(
                "Bodies as for creating a single lead. One that changes a lead may have any of the fields, as a PATCH."
            ),
        ),
    ]
    on_existing: Annotated[
        Literal["fail", "update"],
        Meta(
            description=(
                "What to do with a lead whose `lead_external_id` is taken, also by one before it in the batch: `fail`"
                " refuses it; `update` changes the lead that has it, which keeps the fields that are not sent."
            )
        ),
    ] = "fail"


class StatusChoice(Struct, frozen=True):
    """The status that a lead gets."""

    status: StatusId


class Assignees(Struct, frozen=True):
    """All who are assigned to a lead from now on."""

    assigned: Annotated[
        list[MemberId],
        Meta(
            max_length=MAX_ASSIGNEES,
            extra={"reference": "assignee", "missing": "The {} field must be present."},
            description="Ids of active team users. Repeated ids count once; an empty array removes all.",
        ),
    ]


class Tags(Struct, frozen=True):
    """All tags of a lead from now on."""

    tags: Annotated[
        list[Name],
        Meta(
            max_length=MAX_TAGS,
            extra={"missing": "The {} field must be present."},
            description="Of tags that differ only in case, the first is kept; an empty array removes all.",
        ),
    ]


class ConvertInput(Struct, frozen=True, kw_only=True):
    """Whom the client's account belongs to, and what becomes of the lead."""

    first_name: Name
    last_name: Name
    email: Annotated[Email, Meta(description="Must not belong to a client or team user.")]
    client_company_name: Annotated[
        Line | None, Meta(description="Default: the company of the lead, else first and last name.")
    ] = None
    client_billing_invoice_due_days: Annotated[int, Meta(ge=0, le=3650)] | None = None
    send_welcome_email: YesNo = "no"
    delete_lead: YesNo = "no"


class MergeInput(Struct, frozen=True):
    """The leads that become part of another one."""

    lead_ids: Annotated[
        list[LeadId],
        Meta(
            min_length=1,
            max_length=20,
            extra={"reference": "lead", "other_than": "lead_id"},
            description=(
                "Ids of other leads, which have not been converted. A value of an earlier one comes before that of a"
                " later one. Repeated ids count once."
            ),
        ),
    ]


class CloneInput(Struct, frozen=True, kw_only=True):
    """What the new lead has of its own. An optional field that is absent keeps the source's value; null clears it."""

    lead_title: Title
    lead_status: StatusId
    lead_firstname: Name | UnsetType | None = UNSET
    lead_lastname: Name | UnsetType | None = UNSET
    lead_email: Email | UnsetType | None = UNSET
    lead_phone: Line | UnsetType | None = UNSET
    lead_company_name: Line | UnsetType | None = UNSET
    lead_website: Line | UnsetType | None = UNSET
    lead_value: Money | UnsetType | None = UNSET
    lead_external_id: Annotated[
        ExternalId | None, Meta(description="What another system calls the new lead. It is not copied.")
    ] = None
    copy_checklist: OnOff = "off"
    copy_files: OnOff = "off"
