"""Builds the ASGI application: `create_app` for programs and tests, `application` as the factory for ASGI servers."""

import gc
import logging
import multiprocessing
import os
import platform
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import Any

import litestar.router as routing
from litestar import Litestar

from leads_api.access.authenticator import Authenticator
from leads_api.catalog.routes import CategoryController, CustomFieldController, StatusController, TeamController
from leads_api.checklists.routes import ChecklistController
from leads_api.clients.routes import ClientController
from leads_api.errors import Failure
from leads_api.events.routes import EventController
from leads_api.http import health
from leads_api.http.cors import Cors
from leads_api.http.metrics import metrics
from leads_api.http.pipeline import Admit, Pipeline
from leads_api.http.rate_limit import RateLimit
from leads_api.http.router import Router
from leads_api.leads.routes import LeadController
from leads_api.lifespan import Lifespan
from leads_api.memory import Memory
from leads_api.mongo.client import Client, deadline, ping, without_secrets
from leads_api.mongo.faults import DatabaseError, TooLarge, as_failure
from leads_api.mongo.monitoring import monitored
from leads_api.openapi import page
from leads_api.openapi.document import document
from leads_api.services import Services, database_seconds
from leads_api.settings import Settings, from_environment, unknown_variables
from leads_api.settings import without_secrets as settings_without_secrets
from leads_api.telemetry import logs, spans, workers
from leads_api.telemetry.metrics import Gauge
from leads_api.webhooks.routes import WebhookController

_BUILD = Gauge("leads_build_info", "What runs. Always 1.", ["version", "python", "driver"], merge=max)

_log = logging.getLogger("leads.asgi")


def create_app(settings: Settings, mongo: Client | None = None) -> Litestar:
    """Return the service as a Litestar application; its lifespan sets up the database.

    `mongo` is for tests of other programs. An `AsyncMongoMockClient` provides the whole API in process, but without
    isolation and rollback: transactions run one at a time. Without `mongo`, `settings.mongodb_uri` must be set; else
    ValueError is raised. The lifespan can be run repeatedly, each time in another event loop.
    """
    if mongo is None and settings.mongodb_uri is None:
        raise ValueError("create_app needs settings.mongodb_uri, or a client")

    @asynccontextmanager
    async def live(_app: object) -> AsyncIterator[None]:
        async with (prepared.pop() if prepared else begin())():
            yield

    seconds = database_seconds(settings)
    memory = Memory()
    pipeline = Pipeline(
        memory=memory,
        as_failure=failure_of,
        database_deadline=lambda: deadline(seconds),
        timeout=settings.request_timeout,
        access_log=settings.access_log,
        cors=Cors(settings.cors_origins) if settings.cors_origins else None,
        root_path=settings.root_path,
    )
    app = Litestar(
        [_routes(), health.about, health.live, health.ready, metrics, *page.handlers(lambda: _document(app, settings))],
        lifespan=[live],
        openapi_config=None,
        logging_config=None,
    )
    app.asgi_handler = pipeline

    def begin() -> Lifespan:
        """Create all parts again: locks and connections belong to the event loop in which they are first used."""
        client = mongo or monitored(
            str(settings.mongodb_uri), driver=settings.mongodb_driver, request_timeout=settings.request_timeout
        )
        services = Services(settings, client, memory)
        readiness = health.Readiness(lambda: ping(services.database))
        parts = services.parts() | {"readiness": readiness, "version": version("leads-api")}
        pipeline.answer_with(
            Router(app.routes, parts, services.inputs(), services.idempotency),
            _admission(settings, services.authenticator, readiness),
        )
        return Lifespan(
            client=client,
            owns_client=mongo is None,
            database=services.database,
            drains=(
                services.lead_pages.drain,
                services.leads.drain,
                services.convert_lead.drain,
                services.transact.drain,
                services.users.drain,
                services.ids.drain,
                services.keys.drain,
                services.catalog.drain,
                services.idempotency_keys.drain,
            ),
            readiness=readiness,
            sender=services.sender,
            relay=services.relay.run,
            event_days=settings.event_days,
            webhooks=services.webhook_sender,
            sweeps=(services.deletion.sweep, services.files.sweep, services.webhooks.sweep),
            watches=(services.mail_watch.run, services.feed_watch.run, services.webhook_watch.run),
        )

    build = (version("leads-api"), platform.python_version(), settings.mongodb_driver)
    _BUILD.follow(lambda: {build: 1})
    prepared = [begin()]  # until the lifespan starts, the service responds that it is not ready
    return app


def application(settings: Settings | None = None, metrics_folder: Path | None = None) -> Litestar:
    """Return the service, by default configured from the environment; the factory for ASGI servers.

    The settings of a worker process are its parent's, and so is the folder that workers share their metrics in. Raises
    BadSetting.
    """
    settings = settings or from_environment(os.environ)
    logs.configure(settings.log_level)
    if (parent := multiprocessing.parent_process()) is None:
        logs.logger("leads.asgi").info(
            "leads starts",
            version=version("leads-api"),
            python=platform.python_version(),
            driver=settings.mongodb_driver,
            database=settings.mongodb_uri and without_secrets(settings.mongodb_uri),
            settings=settings_without_secrets(settings),
        )
        for name in unknown_variables(os.environ):
            _log.warning("unknown environment variable %s is ignored", name)
    else:
        _end_with(parent.sentinel)
        if metrics_folder is not None:
            workers.share(metrics_folder)
    spans.configure(os.environ)
    app = create_app(settings)
    gc.collect()
    gc.freeze()  # objects created until now live forever, so the collector need not scan them
    return app


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document, without a database."""
    settings = Settings(mongodb_uri="mongodb://127.0.0.1")
    return _document(create_app(settings), settings)


def failure_of(error: Exception) -> Failure:
    """Return the failure for an error. An unexpected error is logged; callers see none of its details."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, DatabaseError | TooLarge):
        return as_failure(error)
    _log.error("unexpected error", exc_info=error)
    return Failure()


def _routes() -> routing.Router:
    return routing.Router(
        "/api",
        route_handlers=[
            LeadController,
            StatusController,
            CategoryController,
            TeamController,
            CustomFieldController,
            ClientController,
            ChecklistController,
            EventController,
            WebhookController,
        ],
    )


def _document(app: Litestar, settings: Settings) -> dict[str, Any]:
    return document(app.routes, version=version("leads-api"), defaults={"limit": settings.default_limit})


def _admission(settings: Settings, authenticator: Authenticator, readiness: health.Readiness) -> Admit:
    limit = settings.rate_limit and RateLimit(settings.rate_limit.requests, settings.rate_limit.seconds)

    async def admit(authorization: str | None) -> tuple[int, int, bool, Mapping[str, str]]:
        readiness.require_set_up()
        caller = await authenticator(authorization)
        return caller.user, caller.key, caller.reads_only, limit.take(str(caller.key)) if limit else {}

    return admit


def _end_with(parent: int) -> None:
    """End this worker process when its parent process ends, even if the parent is killed."""

    def watch() -> None:
        wait([parent])
        os.kill(os.getpid(), signal.SIGINT)  # without a drain: a new parent may want the port

    Thread(target=watch, daemon=True).start()
