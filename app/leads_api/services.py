"""The composition root: creates stores and use cases, and connects them."""

from collections.abc import Collection
from typing import Any

from leads_api.access.authenticator import Authenticator
from leads_api.access.keys import KeyStore
from leads_api.catalog.cache import Catalog
from leads_api.catalog.custom_fields import LeadRules
from leads_api.catalog.delete import CatalogDeletion
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
from leads_api.catalog.store import CatalogStore
from leads_api.checklists import store as checklists_store
from leads_api.checklists.store import ChecklistNotFound, ChecklistStore
from leads_api.clients.store import ClientStore
from leads_api.comments.store import CommentLimits, CommentStore
from leads_api.events.recorder import Recorder
from leads_api.events.relay import Relay
from leads_api.events.store import EventStore
from leads_api.events.watch import FeedWatch
from leads_api.files.store import FileStore
from leads_api.http.idempotency import Idempotency
from leads_api.leads import store as leads_store
from leads_api.leads.batch import WriteLeads
from leads_api.leads.by_external_id import LeadsByExternalId
from leads_api.leads.clone import CloneLead
from leads_api.leads.convert import ConvertLead
from leads_api.leads.delete import DeleteLead
from leads_api.leads.duplicates import Duplicates
from leads_api.leads.merge import MergeLeads
from leads_api.leads.model import FIELDS
from leads_api.leads.pages import LeadPages
from leads_api.leads.store import LeadNotFound, LeadStore
from leads_api.mail.sender import MailSender
from leads_api.mail.store import MailQueue
from leads_api.mail.watch import MailWatch
from leads_api.memory import Memory
from leads_api.mongo.client import Client, gridfs, is_mongomock
from leads_api.mongo.concurrency import ConcurrencyLimits
from leads_api.mongo.idempotency import IdempotencyStore
from leads_api.mongo.ids import Ids
from leads_api.mongo.transaction import SerialWork, Transactions
from leads_api.settings import Settings
from leads_api.users.store import UserStore
from leads_api.validation.inputs import Inputs
from leads_api.webhooks.addresses import Addresses
from leads_api.webhooks.deliveries import DeliveryStore
from leads_api.webhooks.fan_out import FanOut
from leads_api.webhooks.management import Webhooks
from leads_api.webhooks.sender import WebhookSender
from leads_api.webhooks.store import WebhookStore
from leads_api.webhooks.watch import WebhookWatch

_DATABASE_SHARE = 0.9
_SELECTION_SECONDS = 0.6
"""PyMongo's asynchronous client checks the timeout of server selection only every half second."""


def database_seconds(settings: Settings) -> float:
    """Return how many seconds a request may wait for the database.

    The driver's deadline is a little earlier than the request's, so that the driver ends the call itself and releases
    its connection. A cancellation can break a lock of PyMongo's asynchronous client under Python 3.11
    (docs/decisions/0007-two-drivers.md).
    """
    seconds = settings.request_timeout * _DATABASE_SHARE
    if settings.mongodb_driver == "pymongo":
        return max(settings.request_timeout / 2, seconds - _SELECTION_SECONDS)
    return seconds


class Services:
    """All stores and use cases of one application, on one database."""

    def __init__(self, settings: Settings, client: Client, memory: Memory) -> None:
        """`memory` limits what lists take."""
        database = client[settings.mongodb_database]
        concurrency = ConcurrencyLimits()
        ids = Ids(database)
        self.idempotency_keys = IdempotencyStore(database)
        transact = (
            SerialWork(self.idempotency_keys)
            if is_mongomock(client)
            else Transactions(database, concurrency, self.idempotency_keys)
        )
        catalog = Catalog(database, seconds=settings.cache_seconds)
        limits = CommentLimits(count=settings.max_comments, size=settings.max_comment_bytes)

        self._settings = settings
        self.catalog = catalog
        self.database = database
        self.ids = ids
        self.transact = transact
        self.statuses: CatalogStore[LeadStatus] = CatalogStore(STATUSES, database, ids, transact, catalog)
        self.categories: CatalogStore[Category] = CatalogStore(CATEGORIES, database, ids, transact, catalog)
        self.team: CatalogStore[TeamMember] = CatalogStore(TEAM, database, ids, transact, catalog)
        self.custom_fields: CatalogStore[CustomField] = CatalogStore(CUSTOM_FIELDS, database, ids, transact, catalog)
        self.leads = LeadStore(database, ids, catalog, concurrency, keys=self.idempotency_keys, transact=transact)
        self.lead_pages = LeadPages(
            self.leads.collection, catalog, concurrency, memory, max_bytes=settings.max_page_bytes
        )
        self.lead_duplicates = Duplicates(self.leads, self.lead_pages)
        self.clients = ClientStore(database, catalog, concurrency)
        self.checklists = ChecklistStore(database, ids, transact, concurrency, self.leads.hold)
        self.files = FileStore(
            database,
            lambda: gridfs(database),
            ids,
            transact,
            hold_lead=self.leads.hold,
            lead_not_found=LeadNotFound,
        )
        self.lead_comments = CommentStore(
            self.leads.collection,
            ids,
            catalog,
            limits,
            concurrency,
            transact=transact,
            memory=memory,
            parent_not_found=LeadNotFound,
            touch=leads_store.touch,
            update=self.leads.updates.update,
        )
        self.checklist_comments = CommentStore(
            self.checklists.collection,
            ids,
            catalog,
            limits,
            concurrency,
            transact=transact,
            memory=memory,
            parent_not_found=ChecklistNotFound,
            touch=checklists_store.touch,
            update=self.checklists.update,
        )
        self.users = UserStore(database)
        self.mails = MailQueue(database)
        self.mail_watch = MailWatch(self.mails)
        self.sender = sender_of(settings, self.mails)
        self.delete_lead = DeleteLead(self.leads, self.checklists, self.files, transact)
        self.leads_by_external_id = LeadsByExternalId(self.leads)
        self.write_leads = WriteLeads(self.leads, catalog, ids, transact)
        self.clone_lead = CloneLead(self.leads, self.checklists, self.files, ids, transact)
        self.merge_leads = MergeLeads(self.leads, self.checklists, self.files, limits, memory, transact)
        self.convert_lead = ConvertLead(
            leads=self.leads,
            clients=self.clients,
            users=self.users,
            mails=self.mails,
            delete_lead=self.delete_lead,
            ids=ids,
            concurrency=concurrency,
            transact=transact,
            mail_queued=self.sender.wake if self.sender else lambda: None,
        )
        self.deletion = CatalogDeletion(
            statuses=self.statuses,
            categories=self.categories,
            team=self.team,
            custom_fields=self.custom_fields,
            status_used=self.leads.uses_status,
            category_used=self._category_used,
            clear_assignments=self.leads.clear_assignments,
            clear_values=self.leads.clear_values,
        )
        self.events = EventStore(database, catalog, concurrency, memory, max_page_bytes=settings.max_page_bytes)
        self.addresses = Addresses(allow_private=settings.webhook_allow_private)
        webhooks = WebhookStore(database, ids, transact)
        deliveries = self.webhook_deliveries = DeliveryStore(database, ids, transact, kept_days=settings.event_days)
        fan_out = FanOut(self.events, webhooks, deliveries, transact)
        self.webhook_sender = (
            None if is_mongomock(client) else WebhookSender(webhooks, deliveries, self.addresses, fan_out)
        )
        wake = self.webhook_sender.wake if self.webhook_sender else lambda: None
        self.webhook_watch = WebhookWatch(webhooks, deliveries)
        self.webhooks = Webhooks(webhooks, deliveries, last_event=self.events.last_id, queued=wake)
        self.relay = Relay(database, self.events, Recorder(database, self.events, self.leads, catalog), recorded=wake)
        self.feed_watch = FeedWatch(database)
        self.idempotency = Idempotency(self.idempotency_keys, memory)
        self.keys = KeyStore(database, ids)
        self.authenticator = Authenticator(
            self.keys,
            fixed_key=settings.api_key,
            fixed_user=ADMIN,
            is_active=catalog.is_active,
            seconds=settings.cache_seconds,
        )

    def inputs(self) -> Inputs:
        """Return the factory of request validation, with the lookups and rules that depend on stores."""
        return Inputs(
            max_body_bytes=self._settings.max_body_bytes,
            defaults={"limit": self._settings.default_limit},
            lookups={
                "lead_status": self.catalog.statuses,
                "lead_category": self.catalog.lead_categories,
                "assignee": self.catalog.assignable,
                "lead": self.leads.existing,
                "custom_field_name": _free_names,
                "webhook_url": self.addresses.usable,
            },
            dynamic={"leads": LeadRules(self.catalog)},
        )

    def parts(self) -> dict[str, Any]:
        """Return the values of handler parameters annotated with `Part`, by name."""
        return {
            "leads": self.leads,
            "lead_pages": self.lead_pages,
            "lead_duplicates": self.lead_duplicates,
            "lead_comments": self.lead_comments,
            "convert_lead": self.convert_lead,
            "leads_by_external_id": self.leads_by_external_id,
            "write_leads": self.write_leads,
            "clone_lead": self.clone_lead,
            "delete_lead": self.delete_lead,
            "merge_leads": self.merge_leads,
            "checklists": self.checklists,
            "checklist_comments": self.checklist_comments,
            "clients": self.clients,
            "events": self.events,
            "statuses": self.statuses,
            "categories": self.categories,
            "team": self.team,
            "custom_fields": self.custom_fields,
            "deletion": self.deletion,
            "webhooks": self.webhooks,
            "default_limit": self._settings.default_limit,
        }

    async def _category_used(self, category_id: int) -> bool:
        return await self.leads.uses_category(category_id) or await self.clients.uses_category(category_id)


def sender_of(settings: Settings, mails: MailQueue) -> MailSender | None:
    """Return the sender of mails, if there is a mail server."""
    if settings.smtp_url is None or settings.mail_from is None or settings.portal_url is None:
        return None
    return MailSender(mails, smtp_url=settings.smtp_url, mail_from=settings.mail_from, portal_url=settings.portal_url)


async def _free_names(names: Collection[str]) -> Collection[str]:
    return set(names) - set(FIELDS)
