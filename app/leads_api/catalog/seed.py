"""The shipped settings, which a new database gets (contract, end of section 4)."""

from leads_api.catalog.cache import next_revision
from leads_api.catalog.model import (
    ADMIN,
    CATEGORIES,
    CLIENT_CATEGORY,
    CONVERTED,
    LEAD_CATEGORY,
    NEW,
    SCHEMA_VERSION,
    STATUSES,
    TEAM,
    Kind,
)
from leads_api.clock import now
from leads_api.mongo.client import Database, Document
from leads_api.mongo.faults import Duplicate
from leads_api.mongo.ids import Ids

_STATUSES = [
    (NEW, "New", "default", True),
    (5, "Contacted", "warning", False),
    (3, "Qualified", "info", False),
    (7, "Disqualified", "danger", False),
    (4, "Proposal Sent", "lime", False),
    (CONVERTED, "Converted", "success", True),
]
_CATEGORIES = [(LEAD_CATEGORY, "lead"), (CLIENT_CATEGORY, "client")]
# A reserved domain (RFC 2606), so no client can have this address.
_ADMIN_EMAIL = "admin@leads.invalid"
_LAST_IDS = {
    "lead_statuses": 7, "categories": 3, "users": ADMIN, "custom_fields": 0, "leads": 0, "comments": 0,
    "checklists": 0, "clients": 0, "files": 0, "keys": 0, "webhooks": 0, "webhook_deliveries": 0,
}  # fmt: skip


async def seed(database: Database, ids: Ids) -> None:
    """Insert the shipped settings, once. Safe to repeat and to run concurrently.

    They have fixed ids, and deleted settings keep their ids, so nothing is inserted twice.
    """
    await ids.begin(_LAST_IDS)
    if await database["catalog"].find_one({"_id": "catalog"}):
        await _reactivate_admin(database)
        return
    for position, (status, title, color, system) in enumerate(_STATUSES, start=1):
        fields = {"title": title, "color": color, "position": position, "is_system": system}
        await _write(database, STATUSES, status, fields)
    for category, type_ in _CATEGORIES:
        await _write(database, CATEGORIES, category, {"name": "Default", "type": type_, "is_default": True})
    admin = {"first_name": "Admin", "last_name": "", "email": _ADMIN_EMAIL, "status": "active"}
    await _write(database, TEAM, ADMIN, admin)
    # Last, because it marks the settings as complete.
    try:
        await database["catalog"].insert_one({"_id": "catalog", "revision": 1, "schema_version": SCHEMA_VERSION})
    except Duplicate:
        return


async def _write(database: Database, kind: Kind, record_id: int, fields: Document) -> None:
    moment = now()
    document = {
        "_id": record_id, **kind.fixed, **fields, "deleted": False, "folded": kind.folded(kind.fixed | fields),
        "dates": {"created": moment, "updated": moment}, "schema_version": kind.schema_version,
    }  # fmt: skip
    try:
        await database[kind.collection].insert_one(document)
    except Duplicate:  # inserted by a concurrent process, or by an earlier start that was interrupted
        return


async def _reactivate_admin(database: Database) -> None:
    """Undo a suspension of team user 1, which earlier versions allowed: every request would get 401 for good."""
    suspended = {"_id": ADMIN, "type": "team", "status": "suspended"}
    if (await database[TEAM.collection].update_one(suspended, {"$set": {"status": "active"}})).modified_count:
        await database["catalog"].update_one({"_id": "catalog"}, next_revision())
