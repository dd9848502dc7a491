"""The only composition root: everything is made and joined here."""

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from multiprocessing.connection import wait
from threading import Thread
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.di import Provide

from app.access.keys import Gate, KeyStore
from app.catalog.cache import Catalog
from app.catalog.custom_fields import LeadRules
from app.catalog.delete import CatalogDeletion
from app.catalog.model import (
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
from app.catalog.routes import CategoryController, CustomFieldController, StatusController, TeamController
from app.catalog.store import CatalogStore
from app.checklists import store as checklists_store
from app.checklists.routes import ChecklistController
from app.checklists.store import ChecklistNotFound, ChecklistStore
from app.clients.routes import ClientController
from app.clients.store import ClientStore
from app.comments.store import CommentLimits, CommentStore
from app.errors import Failure, Unavailable
from app.files.store import FileStore
from app.leads import store as leads_store
from app.leads.clone import CloneLead
from app.leads.convert import ConvertLead
from app.leads.delete import DeleteLead
from app.leads.model import FIELDS
from app.leads.routes import LeadController
from app.leads.store import LeadNotFound, LeadStore
from app.mail.queue import MailQueue
from app.mail.sender import MailSender
from app.mongo.client import (
    Client,
    Standalone,
    connect,
    deadline,
    gridfs,
    is_mongomock,
    ping,
    refuse_standalone,
)
from app.mongo.faults import DatabaseError, as_failure
from app.mongo.ids import Ids
from app.mongo.transaction import OneAtATime, Transactions
from app.openapi import DESCRIPTION, EXAMPLES, TAGS, TITLE
from app.settings import Settings, from_environment, unknown_variables
from app.setup import set_up
from app.telemetry import logs
from app.users.store import UserStore
from app.web import docs, health
from app.web.cors import Cors
from app.web.envelope import failure_response
from app.web.input import Inputs, params_of, payload_of
from app.web.limits import RateLimit
from app.web.openapi import document
from app.web.shell import USER, Shell

_SETUP_PAUSE = 1.0
_SWEEP_PAUSE = 600.0
_SWEEP_SECONDS = 300.0
_SETUP_SECONDS = 60.0

_log = logging.getLogger("leads.asgi")


def create_app(settings: Settings, mongo: Client | None = None) -> Litestar:
    """Return the service as a Litestar application; its lifespan sets the database up.

    `mongo` is for tests of other programs: an `AsyncMongoMockClient` gives the whole API in process, but without
    isolation and rollback: what the contract does in one transaction is done step by step, one at a time. Without it,
    `settings.mongodb_uri` must be set.
    """
    if mongo is None and settings.mongodb_uri is None:
        raise ValueError("create_app needs settings.mongodb_uri, or a client")
    return _Service(settings, mongo).app


def application() -> Litestar:
    """Return the service of the environment; the factory for ASGI servers."""
    settings = from_environment(os.environ)
    logs.configure(settings.log_level)
    if (parent := multiprocessing.parent_process()) is None:
        warn_of_unknown_variables()
    else:
        _end_with(parent.sentinel)
    return create_app(settings)


def warn_of_unknown_variables() -> None:
    """Log a warning of each `LEADS_*` variable that nothing reads: it may be mistyped."""
    for name in unknown_variables(os.environ):
        _log.warning("the environment variable %s is not one of this service; it is ignored", name)


def _end_with(parent: int) -> None:
    """Let a worker process end when the one that started it has, even if that was killed."""

    def watch() -> None:
        wait([parent])
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, daemon=True).start()


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document, without a database."""
    return _Service(Settings(mongodb_uri="mongodb://127.0.0.1"), None).openapi


class _Service:
    """The parts of the service, joined."""

    def __init__(self, settings: Settings, mongo: Client | None) -> None:
        client = mongo or connect(str(settings.mongodb_uri), request_timeout=settings.request_timeout)
        self._owns_client = mongo is None
        database = client[settings.mongodb_database]
        ids = Ids(database)
        self._settings, self._client, self._database = settings, client, database
        self._isolated = not is_mongomock(client)
        self._transact = (
            Transactions(client, seconds=settings.request_timeout * 0.9) if self._isolated else OneAtATime()
        )
        self._catalog = Catalog(database, seconds=settings.cache_seconds)
        self._keys = KeyStore(database, ids)
        self._mails = MailQueue(database)
        self._sender = self._mail_sender()
        self._readiness = health.Readiness(lambda: ping(database))

        leads = LeadStore(database, ids, self._catalog)
        clients = ClientStore(database, self._catalog)
        checklists = ChecklistStore(database, ids, self._transact, leads.hold)
        self._files = FileStore(database, lambda: gridfs(database), ids, self._transact)
        delete_lead = DeleteLead(leads, checklists, self._files, self._transact)
        limits = CommentLimits(count=settings.max_comments, size=settings.max_comment_bytes)
        statuses: CatalogStore[LeadStatus] = self._settings_of(STATUSES, ids)
        categories: CatalogStore[Category] = self._settings_of(CATEGORIES, ids)
        team: CatalogStore[TeamMember] = self._settings_of(TEAM, ids)
        custom_fields: CatalogStore[CustomField] = self._settings_of(CUSTOM_FIELDS, ids)

        async def category_used(category_id: int) -> bool:
            return await leads.uses_category(category_id) or await clients.uses_category(category_id)

        self._deletion = CatalogDeletion(
            statuses=statuses,
            categories=categories,
            team=team,
            custom_fields=custom_fields,
            status_used=leads.uses_status,
            category_used=category_used,
            clear_assignments=leads.clear_assignments,
            clear_values=leads.clear_values,
        )
        self.app = self._application(
            {
                "leads": leads,
                "clients": clients,
                "checklists": checklists,
                "statuses": statuses,
                "categories": categories,
                "team": team,
                "custom_fields": custom_fields,
                "deletion": self._deletion,
                "delete_lead": delete_lead,
                "clone_lead": CloneLead(leads, checklists, self._files, ids, self._transact),
                "convert_lead": ConvertLead(
                    leads=leads,
                    clients=clients,
                    users=UserStore(database),
                    mails=self._mails,
                    delete_lead=delete_lead,
                    ids=ids,
                    transact=self._transact,
                    mail_queued=self._sender.wake if self._sender else lambda: None,
                ),
                "lead_comments": CommentStore(
                    leads.collection, ids, self._catalog, limits,
                    parent_not_found=LeadNotFound, touch=leads_store.touch,
                ),
                "checklist_comments": CommentStore(
                    checklists.collection, ids, self._catalog, limits,
                    parent_not_found=ChecklistNotFound, touch=checklists_store.touch,
                ),
                "default_limit": settings.default_limit,
                "readiness": self._readiness,
                "version": version("leads"),
            },
            Inputs(
                max_body_bytes=settings.max_body_bytes,
                timeout=settings.request_timeout * 0.8,
                defaults={"limit": settings.default_limit},
                lookups={
                    "lead_status": self._catalog.statuses,
                    "lead_category": self._catalog.lead_categories,
                    "assignee": self._catalog.assignable,
                    "lead": leads.existing,
                    "custom_field_name": _free_names,
                },
                dynamic={"leads": LeadRules(self._catalog)},
            ),
        )  # fmt: skip

    def _settings_of(self, kind: Any, ids: Ids) -> CatalogStore[Any]:
        return CatalogStore(kind, self._database, ids, self._transact, self._catalog)

    def _mail_sender(self) -> MailSender | None:
        settings = self._settings
        if settings.smtp_url is None or settings.mail_from is None or settings.portal_url is None:
            return None
        return MailSender(
            self._mails, smtp_url=settings.smtp_url, mail_from=settings.mail_from, portal_url=settings.portal_url
        )

    def _application(self, services: Mapping[str, Any], inputs: Inputs) -> Litestar:
        async def before_request(request: Request[Any, Any, Any]) -> None:  # the framework copies what it is given
            await inputs.before_request(request)

        api = Router(
            "/api",
            route_handlers=[
                LeadController,
                StatusController,
                CategoryController,
                TeamController,
                CustomFieldController,
                ClientController,
                ChecklistController,
            ],
            before_request=before_request,
            dependencies={"params": _given(params_of), "payload": _given(payload_of), "user": _given(_user)},
        )
        app = Litestar(
            [api, health.about, health.live, health.ready],
            dependencies={name: _constant(service) for name, service in services.items()},
            exception_handlers={Exception: self._render},
            lifespan=[self._lifespan],
            openapi_config=None,
            logging_config=None,
        )
        self.openapi = document(
            app.routes, title=TITLE, version=services["version"], description=DESCRIPTION, tags=TAGS, examples=EXAMPLES
        )
        for handler in docs.handlers(self.openapi):
            app.register(handler)
        self._shell = Shell(
            app.asgi_handler,
            routes=app.routes,
            admit=self._admission(),
            as_failure=lambda error: as_failure(error) if isinstance(error, DatabaseError) else None,
            deadline=deadline,
            timeout=self._settings.request_timeout,
            access_log=self._settings.access_log,
        )
        origins = self._settings.cors_origins
        app.asgi_handler = Cors(self._shell, origins) if origins else self._shell
        return app

    def _admission(self) -> Any:
        settings = self._settings
        gate = Gate(
            self._keys,
            fixed_key=settings.api_key,
            fixed_user=ADMIN,
            is_active=self._catalog.is_active,
            seconds=settings.cache_seconds,
        )
        limit = settings.rate_limit and RateLimit(settings.rate_limit.requests, settings.rate_limit.seconds)

        async def admit(authorization: str | None) -> tuple[int, Mapping[str, str]]:
            if not self._readiness.set_up:
                raise Unavailable("The database has not been reached yet.")
            caller = await gate(authorization)
            return caller.user, limit.take(str(caller.key)) if limit else {}

        return admit

    def _render(self, _request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        return failure_response(self._shell.failure_of(error))

    @asynccontextmanager
    async def _lifespan(self, _app: Litestar) -> AsyncIterator[None]:
        tasks = []
        if not await self._set_up():
            tasks.append(asyncio.create_task(self._keep_setting_up()))
        tasks.append(asyncio.create_task(self._keep_sweeping()))
        if self._sender is None:
            _log.warning("LEADS_SMTP_URL is not set: mails stay queued")
        else:
            tasks.append(asyncio.create_task(self._sender.run()))
        try:
            yield
        finally:
            self._readiness.draining = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._transact.drain()
            if self._owns_client:
                self._client.close()

    async def _set_up(self) -> bool:
        """Set the database up; tell whether it could be reached. Raises Standalone."""
        try:
            if self._isolated:
                await refuse_standalone(self._client)
            with deadline(_SETUP_SECONDS):
                await set_up(self._database)
        except DatabaseError as error:
            _log.warning("the database cannot be set up yet: %s", type(error).__name__)
            return False
        self._readiness.set_up = True
        return True

    async def _keep_setting_up(self) -> None:
        while True:
            await asyncio.sleep(_SETUP_PAUSE)
            try:
                if await self._set_up():
                    return
            except Standalone as error:
                _log.error("%s", error)

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_PAUSE)
            with suppress(DatabaseError, Failure), deadline(_SWEEP_SECONDS):
                await self._deletion.sweep()
                await self._files.sweep()


async def _free_names(names: Any) -> Any:
    return set(names) - set(FIELDS)


def _user(request: Request[Any, Any, Any]) -> int:
    user: int = request.scope["state"][USER]
    return user


def _given(provider: Any) -> Provide:
    return Provide(provider, sync_to_thread=False)


def _constant(service: Any) -> Provide:
    return Provide(lambda: service, sync_to_thread=False)
