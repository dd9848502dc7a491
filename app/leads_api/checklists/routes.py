"""The endpoints of checklists (contract, section 4)."""

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.params import FromPath

from leads_api.checklists.model import (
    ChecklistItem,
    ChecklistMeta,
    ChecklistPage,
    ChecklistQuery,
    ItemChanges,
    ItemInput,
    ItemStatusInput,
    Positions,
    progress_of,
)
from leads_api.checklists.store import ChecklistNotFound, ChecklistStore
from leads_api.comments.model import Comment, CommentInput
from leads_api.comments.store import CommentNotFound, CommentStore
from leads_api.http.endpoint import Body, Part, Query, User
from leads_api.http.envelope import Answer, Deleted, Page, created, failures
from leads_api.validation.inputs import Changes
from leads_api.validation.paging import Paging

Checklists = Part[ChecklistStore]
Comments = Part[CommentStore]


class ChecklistController(Controller):
    """Checklist items and their comments."""

    path = "/checklists"
    tags = ("Checklists",)

    @get(
        summary="List a lead's checklist",
        description=(
            "By default in order of position. `progress` is for the whole checklist. An unknown lead has an empty one."
        ),
    )
    async def index(self, params: Query[ChecklistQuery], checklists: Checklists) -> ChecklistPage:
        items, total, completed = await checklists.page(params)
        page = params.meta(total)
        meta = ChecklistMeta(
            page.current_page, page.per_page, page.total, page.last_page, progress_of(total, completed)
        )
        return ChecklistPage(items, meta, "Checklists retrieved successfully.")

    @post(summary="Add a checklist item", description="At the end of the checklist.")
    async def create(
        self, payload: Body[ItemInput], checklists: Checklists, user: User
    ) -> Response[Answer[ChecklistItem]]:
        item = await checklists.create(payload.checklistresource_id, payload.checklist_text, user)
        return created(item, "Checklist created successfully.", f"/api/checklists/{item.id}")

    @put("/positions", summary="Reorder a checklist", description="`data` has the ids in their new order.")
    async def reorder(self, payload: Body[Positions], checklists: Checklists) -> Answer[Positions]:
        await checklists.reorder(payload.checklist_ids)
        return Answer(payload, "Checklist positions updated successfully.")

    @get("/{item_id:int}", summary="Get a checklist item", responses=failures(ChecklistNotFound()))
    async def show(self, item_id: FromPath[int], checklists: Checklists) -> Answer[ChecklistItem]:
        return Answer(await checklists.get(item_id), "Checklist retrieved successfully.")

    @patch("/{item_id:int}", summary="Change a checklist item", responses=failures(ChecklistNotFound()))
    async def change(
        self, item_id: FromPath[int], payload: Body[Changes[ItemChanges]], checklists: Checklists
    ) -> Answer[ChecklistItem]:
        item = await checklists.change(item_id, {"text": payload.given["checklist_text"]})
        return Answer(item, "Checklist updated successfully.")

    @delete(
        "/{item_id:int}", summary="Delete a checklist item", status_code=200, responses=failures(ChecklistNotFound())
    )
    async def destroy(self, item_id: FromPath[int], checklists: Checklists) -> Answer[Deleted]:
        await checklists.delete(item_id)
        return Answer(Deleted(item_id), "Checklist deleted successfully.")

    @put(
        "/{item_id:int}/status", summary="Complete or reopen a checklist item", responses=failures(ChecklistNotFound())
    )
    async def set_status(
        self, item_id: FromPath[int], payload: Body[ItemStatusInput], checklists: Checklists
    ) -> Answer[ChecklistItem]:
        item = await checklists.change(item_id, {"status": payload.status})
        return Answer(item, "Checklist status updated successfully.")

    @get(
        "/{item_id:int}/comments",
        summary="List a checklist item's comments",
        description="Newest first.",
        responses=failures(ChecklistNotFound()),
    )
    async def comments(
        self, item_id: FromPath[int], params: Query[Paging], checklist_comments: Comments
    ) -> Page[Comment]:
        found, total = await checklist_comments.page(item_id, params)
        return Page(found, params.meta(total), "Checklist comments retrieved successfully.")

    @post("/{item_id:int}/comments", summary="Comment on a checklist item", responses=failures(ChecklistNotFound()))
    async def add_comment(
        self,
        item_id: FromPath[int],
        payload: Body[CommentInput],
        checklist_comments: Comments,
        user: User,
    ) -> Response[Answer[Comment]]:
        comment = await checklist_comments.add(item_id, payload.comment, user)
        return created(comment, "Checklist comment added successfully.", f"/api/checklists/{item_id}/comments")

    @delete(
        "/{item_id:int}/comments/{comment_id:int}",
        summary="Delete a checklist item's comment",
        status_code=200,
        responses=failures(ChecklistNotFound(), CommentNotFound()),
    )
    async def delete_comment(
        self,
        item_id: FromPath[int],
        comment_id: FromPath[int],
        checklist_comments: Comments,
        user: User,
    ) -> Answer[Deleted]:
        await checklist_comments.delete(item_id, comment_id, user)
        return Answer(Deleted(comment_id), "Checklist comment deleted successfully.")
