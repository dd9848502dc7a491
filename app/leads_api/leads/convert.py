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
from leads_api.mongo.transaction_runs import TryAgain
from leads_api.mongo.versions import Versions, require
from leads_api.telemetry.metrics import Counter
from leads_api.users.store import EmailTaken, UserStore

_CONVERSIONS = Counter("leads_conversions_total", "Leads that were converted to clients.")


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

    async def __call__(self, lead_id: int, request: ConvertInput, by: int, versions: Versions) -> Client:
        """Return the client.

        Raises LeadNotFound, PreconditionFailed, AlreadyConverted or EmailTaken; nothing is written then.
        """
        # Reads are batched with those of other requests; calls of a transaction are not. So the lead is read before,
        # and the transaction checks that it has not changed since.
        lead, is_taken = await gather(self.leads.read(lead_id), self.users.has(request.email))
        _refuse(lead, versions)
        if is_taken:
            raise EmailTaken
        client_id, user_id = await gather(self.ids.take("clients"), self.ids.take("users"))
        name = f"{request.first_name} {request.last_name}"
        known: Document | None = lead

        async def committed(session: Session) -> Document | None:
            return await self.clients.find(client_id, session)

        async def work(session: Session) -> Document:
            nonlocal known
            # mongomock, without a session, could not roll back what was made from a lead that has changed.
            lead, known = (session and known) or await self.leads.find(lead_id, session), None
            _refuse(lead, versions)
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
            if not await self.leads.mark_converted(lead, client_id, moment, by, session):
                raise TryAgain(reason="another call changed the lead in the middle of a conversion")
            if request.delete_lead == "yes":
                await self.delete_lead.with_belongings(lead_id, None, session)
            if request.send_welcome_email == "yes":
                await self.mails.enqueue_welcome(request.email, name, session)
            return client

        def then() -> None:
            _CONVERSIONS.add()
            if request.send_welcome_email == "yes":
                self.mail_queued()

        try:
            client = await self.transact(work, records=[(COLLECTION, lead_id)], committed=committed, then=then)
        except Duplicate as duplicate:  # it has aborted the transaction
            raise await self._refusal(lead_id, versions) from duplicate
        return await self.clients.shown(client, written=True)

    async def _refusal(self, lead_id: int, versions: Versions) -> EmailTaken:
        """Return the error of a taken e-mail, if the lead could be converted at all.

        Another call may have converted it, possibly with the same e-mail. Raises LeadNotFound, PreconditionFailed or
        AlreadyConverted.
        """
        _refuse(await self.leads.find(lead_id), versions)
        return EmailTaken()


def _refuse(lead: Document, versions: Versions) -> None:
    """Raise PreconditionFailed or AlreadyConverted if the lead must not be converted."""
    require(lead, versions)
    converted = lead.get("converted") or {}
    if converted.get("is_converted"):
        raise AlreadyConverted(converted.get("client_id") or 0)
