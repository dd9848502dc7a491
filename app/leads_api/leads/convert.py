"""The use case "convert a lead to a client" (contract, "Convert")."""

from asyncio import gather
from collections.abc import Callable, Sequence
from typing import Any

from leads_api.clients.model import Client
from leads_api.clients.store import ClientStore, new_client
from leads_api.clock import now
from leads_api.errors import Conflict
from leads_api.folding import caseless_email
from leads_api.leads.delete import DeleteLead
from leads_api.leads.model import external_key
from leads_api.leads.schemas import ConvertInput
from leads_api.leads.store import COLLECTION, LeadStore, conversion_of, records_of
from leads_api.mail.store import MailQueue, welcome
from leads_api.mongo.client import Document, Session
from leads_api.mongo.concurrency import ConcurrencyLimits, Record
from leads_api.mongo.faults import Duplicate
from leads_api.mongo.ids import Ids
from leads_api.mongo.recording import recording
from leads_api.mongo.sharing import Apart, Shared, Sharing, Write
from leads_api.mongo.transaction import Transact
from leads_api.mongo.transaction_runs import TryAgain
from leads_api.mongo.versions import Versions, require
from leads_api.telemetry.metrics import Counter
from leads_api.users.store import COLLECTION as USERS
from leads_api.users.store import EmailTaken, UserStore, owner_of

_CONVERSIONS = Counter("leads_conversions_total", "Leads that were converted to clients.")


class AlreadyConverted(Conflict):
    """The lead has already been converted. The response has the id of its client."""

    def __init__(self, client_id: int) -> None:
        super().__init__("This lead has already been converted to a client.", client_id=client_id)


class _Conversion(Write):
    """A conversion for one caller: what it writes."""

    __slots__ = (
        "_mail_queued", "_request", "_user_id", "by", "client", "client_id", "deletes", "lead_id", "mails", "mark",
        "owner", "versions",
    )  # fmt: skip

    def __init__(
        self, lead: Document, request: ConvertInput, by: int, versions: Versions, *, client_id: int, user_id: int,
        mail_queued: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__((COLLECTION, lead["_id"]))
        self.lead_id: int = lead["_id"]
        self.client_id = client_id
        self.deletes = request.delete_lead == "yes"
        self.versions = versions
        self._user_id = user_id
        self._request = request
        self.by = by
        self._mail_queued = mail_queued
        self.of(lead)

    def of(self, lead: Document) -> None:
        """Let it be the conversion of the lead as it was read."""
        request, moment = self._request, now()
        name = f"{request.first_name} {request.last_name}"
        self.owner = owner_of(
            user_id=self._user_id,
            client_id=self.client_id,
            first_name=request.first_name,
            last_name=request.last_name,
            email=request.email,
            now=moment,
        )
        self.client = new_client(
            lead,
            client_id=self.client_id,
            company=request.client_company_name or (lead.get("contact") or {}).get("company_name") or name,
            owner={"id": self._user_id, "name": name, "email": request.email},
            due_days=request.client_billing_invoice_due_days,
            now=moment,
        )
        self.mark = conversion_of(lead, self.client_id, moment, self.by)
        self.mails = [welcome(request.email, name)] if request.send_welcome_email == "yes" else []

    def then(self) -> None:
        """Count it, and let its mail be sent."""
        _CONVERSIONS.add()
        if self.mails:
            self._mail_queued()


class ConvertLead:
    """Creates a client and its first user from a lead, in one transaction, which conversions of others may share."""

    def __init__(
        self, *, leads: LeadStore, clients: ClientStore, users: UserStore, mails: MailQueue, delete_lead: DeleteLead,
        ids: Ids, concurrency: ConcurrencyLimits, transact: Transact, mail_queued: Callable[[], None],
    ) -> None:  # fmt: skip
        """`mail_queued` is called when there is a mail to send."""
        self._leads = leads
        self._clients = clients
        self._users = users
        self._mails = mails
        self._delete_lead = delete_lead
        self._ids = ids
        self._concurrency = concurrency
        self._transact = transact
        self._mail_queued = mail_queued
        client: Any = leads.collection.database.client
        self._sharing: Sharing[_Conversion, Document] = Sharing(
            client, transact, share=self._shared, alone=self._alone, queue="conversions"
        )

    async def __call__(self, lead_id: int, request: ConvertInput, by: int, versions: Versions) -> Client:
        """Return the client.

        Raises LeadNotFound, PreconditionFailed, AlreadyConverted or EmailTaken; nothing is written then.
        """
        lead = await self._read(lead_id, request, versions)
        try:
            if recording.get() is not None or request.delete_lead == "yes":
                records = records_of(lead_id, external_key(lead) if request.delete_lead == "yes" else None)
                client = await self._convert(await self._conversion(lead, request, by, versions), records)
            else:
                client = await self._convert_with_others(lead, request, by, versions)
        except Duplicate as duplicate:  # it has aborted the transaction
            raise await self._refusal(lead_id, versions) from duplicate
        return await self._clients.shown(client, written=True)

    async def _convert_with_others(
        self, lead: Document, request: ConvertInput, by: int, versions: Versions
    ) -> Document:
        # The e-mail as well: two conversions onto one would make their batch go apart.
        records = [(COLLECTION, lead["_id"]), (USERS, caseless_email(request.email))]
        must_wait = any(map(self._concurrency.is_held, records))
        async with self._concurrency.records(*records):
            if must_wait:  # another call has probably changed the lead, or taken the e-mail
                lead = await self._read(lead["_id"], request, versions)
            return await self._sharing(await self._conversion(lead, request, by, versions))

    async def drain(self) -> None:
        """Wait until no conversion is in progress."""
        await self._sharing.drain()

    async def _read(self, lead_id: int, request: ConvertInput, versions: Versions) -> Document:
        """Return the lead. Raises LeadNotFound, PreconditionFailed, AlreadyConverted or EmailTaken."""
        # Reads are batched with those of other requests; calls of a transaction are not. So the lead is read before,
        # and the transaction checks that it has not changed since.
        lead, is_taken = await gather(self._leads.read(lead_id), self._users.has(request.email))
        _refuse(lead, versions)
        if is_taken:
            raise EmailTaken
        return lead

    async def _conversion(self, lead: Document, request: ConvertInput, by: int, versions: Versions) -> _Conversion:
        client_id, user_id = await gather(self._ids.take("clients"), self._ids.take("users"))
        return _Conversion(
            lead, request, by, versions, client_id=client_id, user_id=user_id, mail_queued=self._mail_queued
        )

    async def _alone(self, conversion: _Conversion) -> Document:
        return await self._convert(conversion, [conversion.record], held=True)

    async def _convert(self, conversion: _Conversion, records: Sequence[Record], *, held: bool = False) -> Document:
        """Return the client of a lead. `held` says that the caller holds the records. Raises Duplicate and others."""
        is_current = True

        async def committed(session: Session) -> Document | None:
            return conversion.client if await self._clients.exists(conversion.client_id, session) else None

        async def work(session: Session) -> Document:
            nonlocal is_current
            # mongomock, without a session, could not roll back what was made from a lead that has changed.
            if session is None or not is_current:
                lead = await self._leads.find(conversion.lead_id, session)
                _refuse(lead, conversion.versions)
                conversion.of(lead)
            is_current = False
            if not await self._write([conversion], session):
                raise TryAgain(reason="another call changed the lead in the middle of a conversion")
            return conversion.client

        return await self._transact(work, records=records, held=held, committed=committed, then=conversion.then)

    async def _write(self, conversions: Sequence[_Conversion], session: Session) -> bool:
        """Write conversions as part of a transaction; return whether no lead has changed since it was read."""
        await self._users.insert([each.owner for each in conversions], session)
        await self._clients.insert([each.client for each in conversions], session)
        if not await self._leads.mark_converted([each.mark for each in conversions], session):
            return False
        for each in conversions:
            if each.deletes:
                await self._delete_lead.with_belongings(each.lead_id, each.by, None, session)
        await self._mails.enqueue([mail for each in conversions for mail in each.mails], session)
        return True

    def _shared(self, conversions: Sequence[_Conversion]) -> Shared[Document]:
        clients = [each.client for each in conversions]

        async def work(session: Session) -> list[Document]:
            if not await self._write(conversions, session):
                raise Apart
            return clients

        async def committed(session: Session) -> list[Document] | None:
            return clients if await self._clients.exists(conversions[0].client_id, session) else None

        return work, committed

    async def _refusal(self, lead_id: int, versions: Versions) -> EmailTaken:
        """Return the error of a taken e-mail, if the lead could be converted at all.

        Another call may have converted it, possibly with the same e-mail. Raises LeadNotFound, PreconditionFailed or
        AlreadyConverted.
        """
        _refuse(await self._leads.find(lead_id), versions)
        return EmailTaken()


def _refuse(lead: Document, versions: Versions) -> None:
    """Raise PreconditionFailed or AlreadyConverted if the lead must not be converted."""
    require(lead, versions)
    converted = lead.get("converted") or {}
    if converted.get("is_converted"):
        raise AlreadyConverted(converted.get("client_id") or 0)
