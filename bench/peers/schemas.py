"""What the FastAPI peers take in and give out, as pydantic models."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

T = TypeVar("T")

_PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_EMAIL = r"^[^@\s\x00-\x1f\x7f]+@[^@\s.]+(\.[^@\s.]+)+$"


def _blank_is_null(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _text(maximum: int, pattern: str = _PRINTABLE) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=maximum, pattern=pattern)


Title = Annotated[str, _text(250)]
NameText = Annotated[str, _text(100)]
EmailText = Annotated[str, _text(150, _EMAIL)]
OptionalName = Annotated[NameText | None, BeforeValidator(_blank_is_null)]
OptionalLine = Annotated[Annotated[str, _text(150)] | None, BeforeValidator(_blank_is_null)]
OptionalEmail = Annotated[EmailText | None, BeforeValidator(_blank_is_null)]
OptionalText = Annotated[Annotated[str, _text(65_000)] | None, BeforeValidator(_blank_is_null)]
Money = Annotated[
    Annotated[Decimal, Field(ge=0, le=Decimal("99999999.99"))] | None, BeforeValidator(_blank_is_null)
]  # fmt: skip
Day = Annotated[date | None, BeforeValidator(_blank_is_null)]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LeadInput(Input):
    lead_title: Title
    lead_status: int
    lead_categoryid: int
    lead_firstname: OptionalName = None
    lead_lastname: OptionalName = None
    lead_email: OptionalEmail = None
    lead_phone: OptionalLine = None
    lead_company_name: OptionalLine = None
    lead_job_position: OptionalLine = None
    lead_website: OptionalLine = None
    lead_value: Money = None
    lead_source: OptionalLine = None
    lead_last_contacted: Day = None
    lead_description: OptionalText = None
    lead_street: OptionalLine = None
    lead_city: OptionalLine = None
    lead_state: OptionalLine = None
    lead_zip: OptionalLine = None
    lead_country: OptionalLine = None


class LeadChanges(LeadInput):
    """Any of the fields; the three required ones may be left out, but not be null."""

    lead_title: Title = ""
    lead_status: int = 0
    lead_categoryid: int = 0

    @model_validator(mode="after")
    def _something(self) -> "LeadChanges":
        if not self.model_fields_set:
            raise ValueError("The body must hold at least one field.")
        return self


class StatusChoice(Input):
    status: int


class CommentInput(Input):
    comment: Annotated[str, _text(10_000)]


class ConvertInput(Input):
    first_name: NameText
    last_name: NameText
    email: EmailText
    client_company_name: OptionalLine = None
    client_billing_invoice_due_days: Annotated[int, Field(ge=0, le=3650)] | None = None


class LeadQuery(Input):
    status: int | None = None
    search: Annotated[str, Field(max_length=250)] | None = None
    sort: Literal["lead_title", "lead_value", "lead_created", "lead_last_contacted"] = "lead_created"
    order: Literal["asc", "desc"] = "desc"
    page: Annotated[int, Field(ge=1)] = 1
    limit: Annotated[int, Field(ge=1)] = 25


class Named(BaseModel):
    id: int
    name: str


class StatusOut(BaseModel):
    id: int
    title: str
    color: str


class Contact(BaseModel):
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    job_position: str | None = None
    company_name: str | None = None
    website: str | None = None


class Address(BaseModel):
    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None


class ConvertedOut(BaseModel):
    is_converted: bool
    client_id: int | None
    date: str | None


class DatesOut(BaseModel):
    created: str
    updated: str


class LeadOut(BaseModel):
    id: int
    title: str
    value: str | None
    status: StatusOut
    active_state: Literal["active", "archived"]
    category: Named
    source: str | None
    last_contacted: str | None
    description: str | None
    contact: Contact
    address: Address
    converted: ConvertedOut
    assigned: list[Named]
    tags: list[str]
    dates: DatesOut
    custom_fields: dict[str, int | str | None] = {}
    comments_count: int
    version: int


class CreatedOut(BaseModel):
    created: str


class CommentOut(BaseModel):
    id: int
    text: str
    creator: Named
    dates: CreatedOut


class Billing(Address):
    invoice_due_days: str | None = None


class ClientOut(BaseModel):
    id: int
    company_name: str
    description: str | None
    status: Literal["active", "suspended"]
    phone: str | None
    website: str | None
    vat: str | None
    category: Named
    owner: Named
    billing: Billing
    shipping: Address
    dates: DatesOut
    tags: list[str]
    created_from_lead_id: int


class Answer(BaseModel, Generic[T]):
    data: T
    message: str


class PageMeta(BaseModel):
    current_page: int
    per_page: int
    total: int
    last_page: int


class Page(BaseModel, Generic[T]):
    data: list[T]
    meta: PageMeta
    message: str


def cents(amount: Decimal | None) -> int | None:
    return None if amount is None else int((amount * 100).quantize(Decimal(1), ROUND_HALF_UP))


def money(amount: int | None) -> str | None:
    return None if amount is None else f"{amount // 100}.{amount % 100:02}"


def timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")[:26] + "Z"
