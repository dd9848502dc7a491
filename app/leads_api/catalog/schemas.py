"""Request schemas of settings (contract, section 4, "Inputs")."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from leads_api.catalog.model import CategoryType, Datatype, MemberStatus
from leads_api.folding import caseless
from leads_api.validation.fields import Email
from leads_api.validation.inputs import Consistent
from leads_api.validation.paging import Paging
from leads_api.validation.values import REQUIRED, TAKEN, pattern

Position = Annotated[int, Meta(ge=0, le=1_000_000_000, description="Place in the default order; null is the last one.")]
_NAME = r"[a-z][a-z0-9_]{0,63}"
FieldName = Annotated[
    str,
    Meta(
        description="Must not be the name of an existing field of leads.",
        extra={"convert": pattern(_NAME, 64), "reference": "custom_field_name", "refusal": TAKEN},
        extra_json_schema={"pattern": f"^{_NAME}$", "maxLength": 64},
    ),
]


class CategoryQuery(Paging, frozen=True, kw_only=True):
    """Filters of the list of categories."""

    type: CategoryType | None = None


class StatusInput(Struct, frozen=True, kw_only=True):
    """A lead status."""

    title: Annotated[str, Meta(max_length=200)]
    color: Annotated[str, Meta(max_length=30)] = "default"
    position: Position | None = None


class CategoryInput(Struct, frozen=True, kw_only=True):
    """A new category. Its type cannot be changed later."""

    name: Annotated[str, Meta(max_length=150)]
    type: CategoryType


class CategoryChanges(Struct, frozen=True, kw_only=True):
    """What of a category can be changed."""

    name: Annotated[str, Meta(max_length=150)]


class MemberInput(Struct, frozen=True, kw_only=True):
    """A team member."""

    first_name: Annotated[str, Meta(max_length=100)]
    last_name: Annotated[str, Meta(max_length=100)]
    email: Email
    status: MemberStatus = "active"


class CustomFieldChanges(Struct, frozen=True, kw_only=True):
    """What of a custom field can be changed."""

    title: Annotated[str, Meta(max_length=200)]
    options: Annotated[
        list[Annotated[str, Meta(max_length=150)]],
        Meta(max_length=100, description="Options of a dropdown. Required for a dropdown only."),
    ] = []
    is_required: bool = False
    is_enabled: bool = True
    on_standard_form: bool = True
    position: Position | None = None


class CustomFieldInput(CustomFieldChanges, Consistent, frozen=True, kw_only=True):
    """A new custom field of leads. Its name and its datatype cannot be changed later."""

    name: FieldName
    datatype: Datatype

    @staticmethod
    def contradictions(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Refuse options that do not fit the datatype."""
        return option_faults(values["datatype"], values["options"])


def option_faults(datatype: Datatype | None, options: list[str | None] | None) -> Iterable[tuple[str, str]]:
    """Yield (field, text) for options that a datatype does not take; None where a value had a fault of its own."""
    if datatype == "dropdown" and options == []:
        yield "options", REQUIRED
    if datatype not in {"dropdown", None} and options:
        yield "options", "The {} field must be empty unless the datatype is dropdown."
    seen = set()
    for position, option in enumerate(options or []):
        folded = None if option is None else caseless(option)
        if folded is not None and folded in seen:
            yield f"options.{position}", "The {} field has a duplicate value."
        seen.add(folded)
