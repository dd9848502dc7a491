"""The use case "convert a lead to a client" (contract, "Convert")."""

from asyncio import gather
from collections.abc import Callable
from dataclasses import dataclass

from leads_api.clients.model import Client
from leads_api.clients.store import ClientStore
from leads_api.clock import now
from leads_api.errors import Conflict
from leads_api.leads.delete import DeleteLead
from leads_api.leads.schemas import ConvertInput
from leads_api.leads.store import COLLECTION, LeadStore
from leads_api.mail.store import MailQueue
from leads_api.mongo.client import Document, Session
from leads_api.mongo.faults import Duplicate
from leads_api.mongo.ids import Ids
from leads_api.mongo.transaction import Transact
from leads_api.users.store import EmailTaken, UserStore


class AlreadyConverted(Conflict):
    """The lead has already been converted. The response has the id of its client."""

    def __init__(self, client_id: int) -> None:
        super().__init__("This lead has already been converted to a client.", client_id=client_id)


@dataclass(frozen=True, slots=True)
class ConvertLead:
    """Creates a client and its first user from a lead, in one transaction."""

    leads: LeadStore
    clients: ClientStore
    users: UserStore
    mails: MailQueue
    delete_lead: DeleteLead
    ids: Ids
    transact: Transact
    mail_queued: Callable[[], None]

    async def __call__(self, lead_id: int, request: ConvertInput, by: int) -> Client:
        """Return the client. Raises LeadNotFound, AlreadyConverted or EmailTaken; nothing is written then."""
        if await self.users.has(request.email):
            raise await self._refusal(lead_id)
        client_id = user_id = 0
        name = f"{request.first_name} {request.last_name}"

        async def committed(session: Session) -> Document | None:
            return await self.clients.find(client_id, session)

        async def work(session: Session) -> Document:
            nonlocal client_id, user_id
            lead = await self.leads.find(lead_id, session)
            _refuse_converted(lead)
            if not client_id:  # as late as possible, so that a refused conversion uses up none
                client_id, user_id = await gather(self.ids.take("clients"), self.ids.take("users"))
            moment = now()
            await self.users.insert_owner(  # raises Duplicate if the e-mail is taken
                user_id=user_id,
                client_id=client_id,
                first_name=request.first_name,
                last_name=request.last_name,
                email=request.email,
                now=moment,
                session=session,
            )
            client = await self.clients.insert(
                lead,
                client_id=client_id,
                company=request.client_company_name or (lead.get("contact") or {}).get("company_name") or name,
                owner={"id": user_id, "name": name, "email": request.email},
                due_days=request.client_billing_invoice_due_days,
                now=moment,
                session=session,
            )
            if request.delete_lead == "yes":
                await self.delete_lead.with_belongings(lead_id, session)
            else:
                await self.leads.mark_converted(lead, client_id, moment, by, session)
            if request.send_welcome_email == "yes":
                await self.mails.enqueue_welcome(request.email, name, session)
            return client

        then = self.mail_queued if request.send_welcome_email == "yes" else None
        try:
            client = await self.transact(work, records=[(COLLECTION, lead_id)], committed=committed, then=then)
        except Duplicate as duplicate:  # it has aborted the transaction
            raise await self._refusal(lead_id) from duplicate
        return await self.clients.shown(client, written=True)

    async def _refusal(self, lead_id: int) -> EmailTaken:
        """Return the error of a taken e-mail, if the lead could be converted at all.

        Another call may have converted it, possibly with the same e-mail. Raises LeadNotFound or AlreadyConverted.
        """
        _refuse_converted(await self.leads.find(lead_id))
        return EmailTaken()


def _refuse_converted(lead: Document) -> None:
    converted = lead.get("converted") or {}
    if converted.get("is_converted"):
        raise AlreadyConverted(converted.get("client_id") or 0)
