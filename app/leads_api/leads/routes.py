"""The endpoints of leads (contract, section 3)."""

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.params import FromPath
from msgspec import UNSET
from msgspec.structs import asdict

from leads_api.clients.model import Client
from leads_api.comments.model import Comment, CommentInput, CommentQuery, LeadCommentList
from leads_api.comments.store import CommentNotFound, CommentStore
from leads_api.errors import NotFound, PreconditionFailed
from leads_api.http.endpoint import Body, IfMatch, IfThere, Part, Query, User
from leads_api.http.envelope import Answer, CursorPage, Deleted, Page, Tagged, also_created, created, failures
from leads_api.leads.batch import LeadBatchResponse, WriteLeads
from leads_api.leads.by_external_id import AlreadyThere, LeadsByExternalId, NotThere
from leads_api.leads.clone import CloneLead
from leads_api.leads.convert import AlreadyConverted, ConvertLead
from leads_api.leads.delete import DeleteLead
from leads_api.leads.duplicates import MOST, Duplicates, LeadDuplicates
from leads_api.leads.external_ids import ExternalIdTaken
from leads_api.leads.merge import ConvertedLeads, MergeLeads
from leads_api.leads.model import Lead, ShownLead
from leads_api.leads.pages import LeadPages
from leads_api.leads.schemas import (
    Assignees,
    CloneInput,
    ConvertInput,
    ExternalId,
    LeadBatch,
    LeadInput,
    LeadQuery,
    MergeInput,
    StatusChoice,
    Tags,
)
from leads_api.leads.store import LeadNotFound, LeadStore
from leads_api.validation.bodies import JsonOnly
from leads_api.validation.inputs import Changes
from leads_api.validation.paging import CursorMeta, Paging

Leads = Part[LeadStore]
Comments = Part[CommentStore]
ByExternalId = Part[LeadsByExternalId]

_TAKEN = ExternalIdTaken(12)
_WRITTEN_BY_EXTERNAL_ID = failures(NotFound(), PreconditionFailed(), NotThere(), AlreadyThere())


class LeadController(Controller):
    """Sales leads."""

    path = "/leads"
    tags = ("Leads",)

    @get(
        summary="List leads",
        description=(
            "A lead must match all filters. The list includes archived leads unless you set `active_state`. The id"
            " breaks ties of every sort, so each lead is on one page only; nulls sort lowest. `total` is exact up to"
            " 10 000; above that it may be up to 5 seconds old.\n\n"
            "To read many leads, page by cursor: start with `cursor=*`, then pass `next_cursor` from each response"
            " until it is null. A deep page costs the same as the first one, and nothing is counted. A lead that does"
            " not change in the meantime is returned exactly once. A lead that is created, or that a change moves in"
            " the list, may be returned or not, and at its new place a second time. A cursor does not expire.\n\n"
            "A page is limited in size as well (by default to about 8 MiB of leads). By cursor, it then has fewer leads"
            " than `limit`, at least one, and `next_cursor` leads to the rest. By number, a larger page is a 422 on"
            " `limit`: use a smaller `limit`, or page by cursor."
        ),
    )
    async def index(self, params: Query[LeadQuery], lead_pages: Part[LeadPages]) -> Page[Lead] | CursorPage[Lead]:
        message = "Leads retrieved successfully."
        if params.cursor is not None:
            found, following = await lead_pages.by_cursor(params)
            return CursorPage(found, CursorMeta(params.limit, following), message)
        found, total = await lead_pages.by_number(params)
        return Page(found, params.paging.meta(total), message)

    @post(
        summary="Create a lead",
        description="Set tags and assignees with their own endpoints.",
        responses=failures(_TAKEN),
    )
    async def create(self, payload: Body[LeadInput], leads: Leads, user: User) -> Tagged[Answer[Lead]]:
        return _created(await leads.create(asdict(payload), user), "Lead created successfully.")

    @post(
        "/batch",
        summary="Create or change several leads",
        description=(
            "Writes up to 100 leads as if one after the other, all good ones in one transaction. The response has one"
            " entry for each, in the order sent: 201 for a new lead, 200 for a changed one, and 422 with the `errors`"
            " of a single lead for one that was refused. A refused one does not keep the others from being written."
            " Send JSON; forms are a 415."
        ),
        status_code=200,
        responses=failures(JsonOnly()),
    )
    async def batch(self, payload: Body[LeadBatch], write_leads: Part[WriteLeads], user: User) -> LeadBatchResponse:
        written = await write_leads(payload.leads, payload.on_existing, user)
        return LeadBatchResponse(written, "Leads written successfully.")

    @get("/{lead_id:int}", summary="Get a lead", responses=failures(LeadNotFound()))
    async def show(self, lead_id: FromPath[int], leads: Leads) -> Tagged[Answer[Lead]]:
        return _shown(await leads.get(lead_id), "Lead retrieved successfully.")

    @put(
        "/{lead_id:int}",
        summary="Replace a lead",
        description=(
            "An optional field that you omit becomes null. Tags, assignees, comments, and the archived and converted"
            " states do not change."
        ),
        responses=failures(LeadNotFound(), _TAKEN),
    )
    async def replace(
        self,
        lead_id: FromPath[int],
        payload: Body[LeadInput],
        leads: Leads,
        user: User,
        *,
        if_match: IfMatch,
        if_there: IfThere,
    ) -> Tagged[Answer[Lead]]:
        if if_there.excluded:
            raise await _there(lead_id, leads)
        lead = await leads.change(lead_id, asdict(payload), user, if_match)
        return _shown(lead, "Lead updated successfully.")

    @patch(
        "/{lead_id:int}",
        summary="Change a lead",
        description="Send any of the fields. A field that you omit keeps its value; null clears it.",
        responses=failures(LeadNotFound(), _TAKEN),
    )
    async def change(
        self,
        lead_id: FromPath[int],
        payload: Body[Changes[LeadInput]],
        leads: Leads,
        user: User,
        *,
        if_match: IfMatch,
        if_there: IfThere,
    ) -> Tagged[Answer[Lead]]:
        if if_there.excluded:
            raise await _there(lead_id, leads)
        lead = await leads.change(lead_id, payload.given, user, if_match)
        return _shown(lead, "Lead updated successfully.")

    @get(
        "/by-external-id/{external_id:str}",
        summary="Get a lead by its external id",
        description="Percent-encode the external id once, including slashes (`%2F`).",
        responses=failures(LeadNotFound()),
    )
    async def show_by_external_id(
        self, external_id: FromPath[ExternalId], leads_by_external_id: ByExternalId
    ) -> Tagged[Answer[Lead]]:
        return _shown(await leads_by_external_id.get(external_id), "Lead retrieved successfully.")

    @put(
        "/by-external-id/{external_id:str}",
        summary="Create or replace a lead by its external id",
        description=(
            "Creates the lead (201) if no lead has this external id; else replaces it like `PUT /api/leads/{id}` (200)."
            " The external id stays if the body omits it. Of concurrent requests, one creates the lead and the others"
            " replace it. With `If-None-Match: *`, the lead is only created."
        ),
        responses={**_WRITTEN_BY_EXTERNAL_ID, **also_created(Answer[Lead])},
    )
    async def put_by_external_id(
        self,
        external_id: FromPath[ExternalId],
        payload: Body[LeadInput],
        leads_by_external_id: ByExternalId,
        user: User,
        *,
        if_match: IfMatch,
        if_there: IfThere,
    ) -> Tagged[Answer[Lead]]:
        given = asdict(payload)
        return _written(
            await leads_by_external_id.write(external_id, given, lambda: given, user, if_match, if_there=if_there)
        )

    @patch(
        "/by-external-id/{external_id:str}",
        summary="Create or change a lead by its external id",
        description=(
            "Creates the lead (201) if no lead has this external id, which requires the same fields as `POST`; else"
            " changes it like `PATCH /api/leads/{id}` (200). With `If-None-Match: *`, the lead is only created."
        ),
        responses={**_WRITTEN_BY_EXTERNAL_ID, **also_created(Answer[Lead])},
    )
    async def patch_by_external_id(
        self,
        external_id: FromPath[ExternalId],
        payload: Body[Changes[LeadInput]],
        leads_by_external_id: ByExternalId,
        user: User,
        *,
        if_match: IfMatch,
        if_there: IfThere,
    ) -> Tagged[Answer[Lead]]:
        return _written(
            await leads_by_external_id.write(
                external_id, payload.given, payload.whole, user, if_match, if_there=if_there
            )
        )

    @delete(
        "/{lead_id:int}",
        summary="Delete a lead",
        description="Permanently, with its comments, checklist items and files. A client made from it stays.",
        status_code=200,
        responses=failures(LeadNotFound()),
    )
    async def destroy(
        self, lead_id: FromPath[int], delete_lead: Part[DeleteLead], if_match: IfMatch
    ) -> Answer[Deleted]:
        await delete_lead(lead_id, if_match)
        return Answer(Deleted(lead_id), "Lead deleted successfully.")

    @put(
        "/{lead_id:int}/status",
        summary="Set a lead's status",
        description='Setting the status "Converted" does not convert the lead.',
        responses=failures(LeadNotFound()),
    )
    async def set_status(
        self, lead_id: FromPath[int], payload: Body[StatusChoice], leads: Leads, user: User, if_match: IfMatch
    ) -> Tagged[Answer[Lead]]:
        lead = await leads.update(lead_id, {"status": payload.status}, "status_changed", user, if_match)
        return _shown(lead, "Lead status updated successfully.")

    @put(
        "/{lead_id:int}/assigned",
        summary="Set a lead's assignees",
        description="Replaces all of them; an empty array removes all.",
        responses=failures(LeadNotFound()),
    )
    async def set_assigned(
        self, lead_id: FromPath[int], payload: Body[Assignees], leads: Leads, user: User, if_match: IfMatch
    ) -> Tagged[Answer[Lead]]:
        distinct = list(dict.fromkeys(payload.assigned))
        lead = await leads.update(lead_id, {"assigned": distinct}, "assigned", user, if_match)
        return _shown(lead, "Lead assignees updated successfully.")

    @put(
        "/{lead_id:int}/tags",
        summary="Set a lead's tags",
        description="Replaces all of them; an empty array removes all.",
        responses=failures(LeadNotFound()),
    )
    async def set_tags(
        self, lead_id: FromPath[int], payload: Body[Tags], leads: Leads, user: User, if_match: IfMatch
    ) -> Tagged[Answer[Lead]]:
        lead = await leads.set_tags(lead_id, payload.tags, user, if_match)
        return _shown(lead, "Lead tags updated successfully.")

    @put(
        "/{lead_id:int}/archive",
        summary="Archive a lead",
        description="Takes no body. You may repeat the request.",
        responses=failures(LeadNotFound()),
    )
    async def archive(
        self, lead_id: FromPath[int], leads: Leads, user: User, if_match: IfMatch
    ) -> Tagged[Answer[Lead]]:
        lead = await leads.update(lead_id, {"active_state": "archived"}, "archived", user, if_match)
        return _shown(lead, "Lead archived successfully.")

    @put(
        "/{lead_id:int}/activate",
        summary="Activate an archived lead",
        description="Takes no body. You may repeat the request.",
        responses=failures(LeadNotFound()),
    )
    async def activate(
        self, lead_id: FromPath[int], leads: Leads, user: User, if_match: IfMatch
    ) -> Tagged[Answer[Lead]]:
        lead = await leads.update(lead_id, {"active_state": "active"}, "activated", user, if_match)
        return _shown(lead, "Lead activated successfully.")

    @post(
        "/{lead_id:int}/convert",
        summary="Convert a lead to a client",
        description=(
            "One transaction marks the lead as converted (or deletes it with all that belongs to it), writes the client"
            " and its first user, and queues the welcome mail if you request it. Of concurrent conversions of one lead,"
            " or with one e-mail, exactly one succeeds. A 409 has the `client_id`."
        ),
        responses=failures(LeadNotFound(), AlreadyConverted(12)),
    )
    async def convert(
        self,
        lead_id: FromPath[int],
        payload: Body[ConvertInput],
        convert_lead: Part[ConvertLead],
        user: User,
        if_match: IfMatch,
    ) -> Response[Answer[Client]]:
        client = await convert_lead(lead_id, payload, user, if_match)
        return created(client, "Lead converted to client successfully.", f"/api/clients/{client.id}")

    @post(
        "/{lead_id:int}/clone",
        summary="Clone a lead",
        description=(
            "The clone keeps category, description, source, job position, address and custom fields. It does not keep"
            " dates, conversion, archived state, last contact, tags, assignees and comments. An optional field that you"
            " omit keeps the value of the original; null clears it."
        ),
        responses=failures(LeadNotFound(), _TAKEN),
    )
    async def clone(
        self,
        lead_id: FromPath[int],
        payload: Body[CloneInput],
        clone_lead: Part[CloneLead],
        user: User,
        if_match: IfMatch,
    ) -> Tagged[Answer[Lead]]:
        return _created(await clone_lead(lead_id, payload, user, if_match), "Lead cloned successfully.")

    @get(
        "/{lead_id:int}/duplicates",
        summary="Find a lead's duplicates",
        description=(
            "Other leads with the same e-mail, the same phone (at least seven digits are compared, without a leading"
            f" `+` or `00`), or the same company and last name, in any case. The newest {MOST}, newest first; each"
            " says what it `matched_on`. Like a page of a list, the response is limited in size: it then has fewer"
            " leads. To make one lead of them, merge them."
        ),
        responses=failures(LeadNotFound()),
    )
    async def duplicates(self, lead_id: FromPath[int], lead_duplicates: Part[Duplicates]) -> LeadDuplicates:
        return LeadDuplicates(await lead_duplicates.of(lead_id), "Lead duplicates retrieved successfully.")

    @post(
        "/{lead_id:int}/merge",
        summary="Merge leads into a lead",
        description=(
            "One transaction makes one lead of several, for example of duplicates. What is null in the lead is filled"
            " from the others, in the order given: each part of contact and address, value, source, last contact,"
            " description, external id and custom fields. Tags and assignees are united. Comments, checklist items"
            " and files move to the lead; items come behind its own. The others are deleted. The lead itself may be"
            " converted, the others may not."
        ),
        status_code=200,
        responses=failures(LeadNotFound(), ConvertedLeads([60])),
    )
    async def merge(
        self,
        lead_id: FromPath[int],
        payload: Body[MergeInput],
        merge_leads: Part[MergeLeads],
        user: User,
        if_match: IfMatch,
    ) -> Tagged[Answer[Lead]]:
        return _shown(await merge_leads(lead_id, payload.lead_ids, user, if_match), "Leads merged successfully.")

    @get(
        "/{lead_id:int}/comments",
        summary="List a lead's comments",
        description="Newest first. Without `page` and `limit`, the response has all comments and no `meta`.",
        responses=failures(LeadNotFound()),
    )
    async def comments(
        self,
        lead_id: FromPath[int],
        params: Query[CommentQuery],
        lead_comments: Comments,
        default_limit: Part[int],
    ) -> LeadCommentList:
        paging = None
        if params.page is not None or params.limit is not None:
            paging = Paging(page=params.page or 1, limit=params.limit or default_limit)
        found, total = await lead_comments.page(lead_id, paging)
        meta = paging.meta(total) if paging else UNSET
        return LeadCommentList(data=found, meta=meta, message="Lead comments retrieved successfully.")

    @post("/{lead_id:int}/comments", summary="Comment on a lead", responses=failures(LeadNotFound()))
    async def add_comment(
        self,
        lead_id: FromPath[int],
        payload: Body[CommentInput],
        lead_comments: Comments,
        user: User,
        if_match: IfMatch,
    ) -> Response[Answer[Comment]]:
        comment = await lead_comments.add(lead_id, payload.comment, user, if_match)
        return created(comment, "Lead comment added successfully.", f"/api/leads/{lead_id}/comments")

    @delete(
        "/{lead_id:int}/comments/{comment_id:int}",
        summary="Delete a comment",
        status_code=200,
        responses=failures(LeadNotFound(), CommentNotFound()),
    )
    async def delete_comment(
        self,
        lead_id: FromPath[int],
        comment_id: FromPath[int],
        lead_comments: Comments,
        user: User,
        if_match: IfMatch,
    ) -> Answer[Deleted]:
        await lead_comments.delete(lead_id, comment_id, user, if_match)
        return Answer(Deleted(comment_id), "Lead comment deleted successfully.")


def _shown(shown: ShownLead, message: str) -> Tagged[Answer[Lead]]:
    return Tagged(Answer(shown.lead, message), shown.etag)


def _written(written: tuple[ShownLead, bool]) -> Tagged[Answer[Lead]]:
    shown, is_new = written
    return _created(shown, "Lead created successfully.") if is_new else _shown(shown, "Lead updated successfully.")


async def _there(lead_id: int, leads: LeadStore) -> AlreadyThere:
    """Return the failure of a change that must not change a lead. Raises LeadNotFound."""
    await leads.read(lead_id)
    return AlreadyThere()


def _created(shown: ShownLead, message: str) -> Tagged[Answer[Lead]]:
    return Tagged(Answer(shown.lead, message), shown.etag, f"/api/leads/{shown.lead.id}")
