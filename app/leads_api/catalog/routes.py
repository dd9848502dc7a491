"""The endpoints of lead statuses, categories, the team and custom fields (contract, section 4)."""

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath
from msgspec.structs import asdict

from leads_api.catalog.delete import (
    CATEGORY_IN_USE,
    DEFAULT_CATEGORY,
    FIRST_MEMBER,
    FIRST_MEMBER_ACTIVE,
    STATUS_IN_USE,
    SYSTEM_STATUS,
    CatalogDeletion,
)
from leads_api.catalog.model import (
    ADMIN,
    CATEGORIES,
    CUSTOM_FIELDS,
    STATUSES,
    TEAM,
    Category,
    CustomField,
    LeadStatus,
    TeamMember,
)
from leads_api.catalog.schemas import (
    CategoryChanges,
    CategoryInput,
    CategoryQuery,
    CustomFieldChanges,
    CustomFieldInput,
    MemberInput,
    StatusInput,
    option_faults,
)
from leads_api.catalog.store import CatalogStore, RecordNotFound
from leads_api.errors import Conflict, Faults, Invalid
from leads_api.http.endpoint import Body, Part, Query, User
from leads_api.http.envelope import Answer, Deleted, Page, created, failures
from leads_api.validation.inputs import Changes
from leads_api.validation.paging import Paging
from leads_api.validation.values import add_fault

Statuses = Part[CatalogStore[LeadStatus]]
Categories = Part[CatalogStore[Category]]
Team = Part[CatalogStore[TeamMember]]
CustomFields = Part[CatalogStore[CustomField]]
Deletion = Part[CatalogDeletion]


class StatusController(Controller):
    """The stages that leads go through."""

    path = "/lead-statuses"
    tags = ("Lead statuses",)

    @get(summary="List lead statuses", description="Ordered by position.")
    async def index(self, params: Query[Paging], statuses: Statuses) -> Page[LeadStatus]:
        found, total = await statuses.page(params)
        return Page(found, params.meta(total), "Lead statuses retrieved successfully.")

    @post(summary="Create a lead status")
    async def create(self, payload: Body[StatusInput], statuses: Statuses) -> Response[Answer[LeadStatus]]:
        status = await statuses.create(asdict(payload) | {"is_system": False})
        return created(status, "Lead status created successfully.", f"/api/lead-statuses/{status.id}")

    @get("/{record_id:int}", summary="Get a lead status", responses=failures(RecordNotFound(STATUSES)))
    async def show(self, record_id: FromPath[int], statuses: Statuses) -> Answer[LeadStatus]:
        return Answer(await statuses.get(record_id), "Lead status retrieved successfully.")

    @patch(
        "/{record_id:int}",
        summary="Change a lead status",
        description=(
            "Send any of the fields. Every lead shows a new title at once, in other processes within 2 seconds."
        ),
        responses=failures(RecordNotFound(STATUSES)),
    )
    async def change(
        self, record_id: FromPath[int], payload: Body[Changes[StatusInput]], statuses: Statuses
    ) -> Answer[LeadStatus]:
        return Answer(await statuses.change(record_id, payload.given), "Lead status updated successfully.")

    @delete(
        "/{record_id:int}",
        summary="Delete a lead status",
        description="A system status, or a status that a lead has, cannot be deleted: 409.",
        status_code=200,
        responses=failures(RecordNotFound(STATUSES), Conflict(SYSTEM_STATUS), Conflict(STATUS_IN_USE)),
    )
    async def destroy(self, record_id: FromPath[int], deletion: Deletion) -> Answer[Deleted]:
        await deletion.status(record_id)
        return Answer(Deleted(record_id), "Lead status deleted successfully.")


class CategoryController(Controller):
    """Categories for leads and clients."""

    path = "/categories"
    tags = ("Categories",)

    @get(summary="List categories", description="Ordered by id.")
    async def index(self, params: Query[CategoryQuery], categories: Categories) -> Page[Category]:
        found, total = await categories.page(params, {"type": params.type} if params.type else None)
        return Page(found, params.meta(total), "Categories retrieved successfully.")

    @post(summary="Create a category")
    async def create(self, payload: Body[CategoryInput], categories: Categories) -> Response[Answer[Category]]:
        category = await categories.create(asdict(payload) | {"is_default": False})
        return created(category, "Category created successfully.", f"/api/categories/{category.id}")

    @get("/{record_id:int}", summary="Get a category", responses=failures(RecordNotFound(CATEGORIES)))
    async def show(self, record_id: FromPath[int], categories: Categories) -> Answer[Category]:
        return Answer(await categories.get(record_id), "Category retrieved successfully.")

    @patch(
        "/{record_id:int}",
        summary="Rename a category",
        description="Every lead shows the new name at once, in other processes within 2 seconds.",
        responses=failures(RecordNotFound(CATEGORIES)),
    )
    async def change(
        self, record_id: FromPath[int], payload: Body[Changes[CategoryChanges]], categories: Categories
    ) -> Answer[Category]:
        return Answer(await categories.change(record_id, payload.given), "Category updated successfully.")

    @delete(
        "/{record_id:int}",
        summary="Delete a category",
        description="A default category, or a category that a lead or client has, cannot be deleted: 409.",
        status_code=200,
        responses=failures(RecordNotFound(CATEGORIES), Conflict(DEFAULT_CATEGORY), Conflict(CATEGORY_IN_USE)),
    )
    async def destroy(self, record_id: FromPath[int], deletion: Deletion) -> Answer[Deleted]:
        await deletion.category(record_id)
        return Answer(Deleted(record_id), "Category deleted successfully.")


class TeamController(Controller):
    """The people who work on leads."""

    path = "/team"
    tags = ("Team",)

    @get(summary="List team members", description="Ordered by id.")
    async def index(self, params: Query[Paging], team: Team) -> Page[TeamMember]:
        found, total = await team.page(params)
        return Page(found, params.meta(total), "Team members retrieved successfully.")

    @post(summary="Add a team member", description="The e-mail must not belong to a team user or client.")
    async def create(self, payload: Body[MemberInput], team: Team) -> Response[Answer[TeamMember]]:
        member = await team.create(asdict(payload))
        return created(member, "Team member created successfully.", f"/api/team/{member.id}")

    @get("/{record_id:int}", summary="Get a team member", responses=failures(RecordNotFound(TEAM)))
    async def show(self, record_id: FromPath[int], team: Team) -> Answer[TeamMember]:
        return Answer(await team.get(record_id), "Team member retrieved successfully.")

    @patch(
        "/{record_id:int}",
        summary="Change a team member",
        description=(
            "Send any of the fields. Every lead shows a new name at once, in other processes within 2 seconds."
            " Requests with an API key of a suspended member get 401. Member 1 cannot be suspended: 409."
        ),
        responses=failures(RecordNotFound(TEAM), Conflict(FIRST_MEMBER_ACTIVE)),
    )
    async def change(
        self, record_id: FromPath[int], payload: Body[Changes[MemberInput]], team: Team
    ) -> Answer[TeamMember]:
        if record_id == ADMIN and payload.given.get("status") == "suspended":
            raise Conflict(FIRST_MEMBER_ACTIVE)
        return Answer(await team.change(record_id, payload.given), "Team member updated successfully.")

    @delete(
        "/{record_id:int}",
        summary="Delete a team member",
        description=(
            "Removes the member from the assignees of every lead, which counts as a change of each lead. Comments keep"
            " the name. Requests with an API key of the member get 401. Member 1 cannot be deleted: 409."
        ),
        status_code=200,
        responses=failures(RecordNotFound(TEAM), Conflict(FIRST_MEMBER)),
    )
    async def destroy(self, record_id: FromPath[int], deletion: Deletion, user: User) -> Answer[Deleted]:
        await deletion.member(record_id, user)
        return Answer(Deleted(record_id), "Team member deleted successfully.")


class CustomFieldController(Controller):
    """User-defined fields of leads."""

    path = "/custom-fields"
    tags = ("Custom fields",)

    @get(summary="List custom fields", description="Ordered by position.")
    async def index(self, params: Query[Paging], custom_fields: CustomFields) -> Page[CustomField]:
        found, total = await custom_fields.page(params)
        return Page(found, params.meta(total), "Custom fields retrieved successfully.")

    @post(
        summary="Create a custom field",
        description="Every lead has the field from now on; it is null until you set it.",
    )
    async def create(
        self, payload: Body[CustomFieldInput], custom_fields: CustomFields
    ) -> Response[Answer[CustomField]]:
        field = await custom_fields.create(asdict(payload))
        return created(field, "Custom field created successfully.", f"/api/custom-fields/{field.id}")

    @get("/{record_id:int}", summary="Get a custom field", responses=failures(RecordNotFound(CUSTOM_FIELDS)))
    async def show(self, record_id: FromPath[int], custom_fields: CustomFields) -> Answer[CustomField]:
        return Answer(await custom_fields.get(record_id), "Custom field retrieved successfully.")

    @patch(
        "/{record_id:int}",
        summary="Change a custom field",
        description=(
            "Send any of the fields. Leads do not show a disabled field, but keep its values."
            " A lead keeps an option that you remove, if it has been chosen there."
        ),
        responses=failures(RecordNotFound(CUSTOM_FIELDS)),
    )
    async def change(
        self,
        record_id: FromPath[int],
        payload: Body[Changes[CustomFieldChanges]],
        custom_fields: CustomFields,
    ) -> Answer[CustomField]:
        if "options" in payload.given:
            field = await custom_fields.get(record_id)
            faults: Faults = {}
            for name, text in option_faults(field.datatype, payload.given["options"]):
                add_fault(faults, name, text)
            if faults:
                raise Invalid(faults)
        return Answer(await custom_fields.change(record_id, payload.given), "Custom field updated successfully.")

    @delete(
        "/{record_id:int}",
        summary="Delete a custom field",
        description="Deletes the values of the field in every lead, too.",
        status_code=200,
        responses=failures(RecordNotFound(CUSTOM_FIELDS)),
    )
    async def destroy(self, record_id: FromPath[int], deletion: Deletion, user: User) -> Answer[Deleted]:
        await deletion.custom_field(record_id, user)
        return Answer(Deleted(record_id), "Custom field deleted successfully.")
