"""What is held about a person, found by e-mail, and its erasure (`leads person`).

Erasing removes what tells who somebody is. Records, numbers and references stay: a lead keeps its id, value, status,
source and dates, a client its id and its lead, a comment its place. So counts and reports are as before.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from leads_api.catalog.cache import Catalog
from leads_api.clients.model import PLACE
from leads_api.clients.store import COLLECTION as CLIENTS
from leads_api.clients.store import ClientStore
from leads_api.clock import now
from leads_api.errors import Conflict
from leads_api.files.store import FileStore
from leads_api.folding import caseless_email
from leads_api.leads.external_ids import COLLECTION as EXTERNAL_IDS
from leads_api.leads.folded import SEARCHED, folded
from leads_api.leads.model import EXTERNAL_ID, EXTERNAL_KEY, Address, Contact, external_key, lead_of
from leads_api.leads.store import COLLECTION as LEADS
from leads_api.leads.store import records_of, touch
from leads_api.mail.store import COLLECTION as MAILS
from leads_api.mongo.client import Database, Document, Session
from leads_api.mongo.substrings import pieces
from leads_api.mongo.transaction import Transact
from leads_api.mongo.transaction_runs import TryAgain
from leads_api.users.store import COLLECTION as USERS
from leads_api.users.store import full_name
from leads_api.webhooks.deliveries import COLLECTION as DELIVERIES

ERASED = "Erased"
"""Stands where a text must be."""

_CHECKLISTS, _EVENTS = "checklists", "events"
_TEXTS = {"text", "paragraph"}
_OTHER_COMMENTS = "other_comments"


class IsTeamUser(Conflict):
    """The e-mail is a team user's, who is no lead."""

    def __init__(self, user_id: int) -> None:
        super().__init__(
            f"This is the e-mail of team user {user_id}. First change name and e-mail with PATCH /api/team/{user_id},"
            " or delete the team user."
        )


class Persons:
    """Finds and erases persons."""

    def __init__(
        self, database: Database, catalog: Catalog, *, clients: ClientStore, files: FileStore, transact: Transact
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._clients = clients
        self._files = files
        self._transact = transact

    async def held(self, email: str) -> dict[str, list[Any]]:
        """Return all that is held about a person, by kind of record."""
        leads = await self._all(LEADS, {"folded.email": caseless_email(email)})
        lead_ids = [lead["_id"] for lead in leads]
        clients = await self._all(CLIENTS, {"owner.folded_email": caseless_email(email)})
        return {
            "leads": [await self._lead(lead) for lead in leads],
            "clients": [msgspec.to_builtins(await self._clients.shown(client)) for client in clients],
            "users": [_user(user) for user in await self._all(USERS, {"folded": caseless_email(email)})],
            "mails": [
                _plain(mail, "template", "recipient", "name", "status", "created")
                for mail in await self._all(MAILS, {"recipient": _mention(email)})
            ],
            "events": [
                _plain(event, "type", "lead_id", "at", "lead")
                for event in await self._all(_EVENTS, _events_about(email, lead_ids))
            ],
            _OTHER_COMMENTS: [
                {"lead_id": lead["_id"]} | _comment(comment)
                for lead in await self._mentioning(email)
                if lead["_id"] not in lead_ids
                for comment in lead["comments"]
                if _mention(email).search(comment.get("text") or "")
            ],
        }

    async def erase(self, email: str, by: int) -> dict[str, int]:
        """Erase a person; return how many records of each kind were changed. Raises IsTeamUser."""
        users = await self._all(USERS, {"folded": caseless_email(email)})
        if team := [user["_id"] for user in users if user["type"] == "team"]:
            raise IsTeamUser(team[0])
        done = Counter[str]()
        leads = await self._all(LEADS, {"folded.email": caseless_email(email)}, {"_id": 1, EXTERNAL_ID: 1})
        done["other_comments"] = await self._erase_mentions(email, [lead["_id"] for lead in leads], by)
        for client in await self._all(CLIENTS, {"owner.folded_email": caseless_email(email)}):
            await self._transact(self._client_erased(client), records=[(CLIENTS, client["_id"])])
            done["clients"] += 1
        for user in users:
            await self._database[USERS].update_one(
                {"_id": user["_id"]},
                {"$set": {"first_name": ERASED, "last_name": "", "email": ""}, "$unset": {"folded": ""}},
            )
            done["users"] += 1
        done["mails"] = (await self._database[MAILS].delete_many({"recipient": _mention(email)})).deleted_count
        lead_ids = [lead["_id"] for lead in leads]
        done["events"] = await self._erase_events(email, lead_ids)
        # Last, because by them the person is found again if this is interrupted.
        for lead in leads:
            await self._transact(
                self._lead_erased(lead["_id"], by), records=records_of(lead["_id"], external_key(lead))
            )
            done["leads"] += 1
        # Once more: meanwhile, events of the time before may have been written down, and queued for webhooks.
        done["events"] += await self._erase_events(email, lead_ids)
        return {kind: done[kind] for kind in ("leads", "clients", "users", "mails", "events", _OTHER_COMMENTS)}

    async def _erase_events(self, email: str, lead_ids: list[int]) -> int:
        """Erase the leads in events, and in the copies that webhooks get; return how many events were changed."""
        about = {"$and": [_events_about(email, lead_ids), {"lead": {"$ne": None}}]}
        erased = await self._database[_EVENTS].update_many(about, {"$set": {"lead": None}})
        copies = {"$or": [{"lead": {"$in": lead_ids}}, {"body": _mention(email)}]}
        for delivery in await self._all(DELIVERIES, copies, {"body": 1}):
            event = msgspec.json.decode(delivery["body"])
            event["data"]["lead"] = None
            body = msgspec.json.encode(event).decode()
            await self._database[DELIVERIES].update_one(
                {"_id": delivery["_id"]}, {"$set": {"body": body, "response_body": None}}
            )
        return erased.modified_count

    def _lead_erased(self, lead_id: int, by: int) -> Callable[[Session], Awaitable[None]]:
        async def work(session: Session) -> None:
            lead = await self._database[LEADS].find_one({"_id": lead_id}, session=session)
            if lead is None:
                return
            settings = await self._catalog.snapshot()
            custom = {str(field["_id"]) for field in settings.custom_fields if field["datatype"] in _TEXTS}
            values: Document = {"title": ERASED, "description": None, EXTERNAL_ID: None}
            values |= {f"contact.{field}": None for field in Contact.__struct_fields__}
            values |= {f"address.{field}": None for field in Address.__struct_fields__}
            values |= folded(values) | {"search": pieces(*(values[path] for path in SEARCHED))}
            comments = [comment | {"text": ERASED} for comment in lead.get("comments") or ()]
            values |= {"comments": comments, "comments_bytes": len(ERASED) * len(comments)}
            change = touch("updated", now(), by)
            unset = {EXTERNAL_KEY: ""} | {f"custom.{field}": "" for field in custom & set(lead.get("custom") or ())}
            result = await self._database[LEADS].update_one(
                {"_id": lead_id, "version": lead.get("version")},
                change | {"$set": values | change["$set"], "$unset": unset},
                session=session,
            )
            if result.matched_count == 0:
                raise TryAgain(reason="another call changed the lead while it was erased")
            if (key := external_key(lead)) is not None:
                await self._database[EXTERNAL_IDS].delete_one({"_id": key, "lead_id": lead_id}, session=session)
            await self._erase_checklist(lead_id, session)
            await self._files.delete_of(lead_id, session)

        return work

    async def _erase_checklist(self, lead_id: int, session: Session) -> None:
        items = self._database[_CHECKLISTS]
        for item in [item async for item in items.find({"lead": lead_id}, session=session)]:
            comments = [comment | {"text": ERASED} for comment in item.get("comments") or ()]
            values = {"text": ERASED, "comments": comments, "comments_bytes": len(ERASED) * len(comments)}
            await items.update_one({"_id": item["_id"]}, {"$set": values}, session=session)

    def _client_erased(self, client: Document) -> Callable[[Session], Awaitable[None]]:
        async def work(session: Session) -> None:
            owner = client["owner"]
            company = client.get("company_name") or ""
            company = ERASED if company in {owner.get("name"), ""} else company
            values: Document = {"company_name": company, "phone": None, "website": None, "description": None}
            values |= {f"{part}.{field}": None for part in ("billing", "shipping") for field in PLACE}
            values |= {"owner.name": ERASED, "owner.email": None, "search": pieces(company, ERASED, None)}
            await self._database[CLIENTS].update_one(
                {"_id": client["_id"]},
                {"$set": values, "$unset": {"owner.folded_email": ""}, "$max": {"dates.updated": now()}},
                session=session,
            )

        return work

    async def _erase_mentions(self, email: str, besides: list[int], by: int) -> int:
        """Erase the e-mail from the comments of other leads; return from how many."""
        count = 0
        for lead in await self._mentioning(email):
            if lead["_id"] in besides:
                continue
            for comment in lead["comments"]:
                text, found = _mention(email).subn(f"[{ERASED.lower()}]", comment.get("text") or "")
                if found:
                    saved = len(text.encode()) - len(comment["text"].encode())
                    change = touch("updated", now(), by)
                    await self._database[LEADS].update_one(
                        {
                            "_id": lead["_id"],
                            "comments": {"$elemMatch": {"id": comment["id"], "text": comment["text"]}},
                        },
                        change
                        | {"$set": {"comments.$.text": text} | change["$set"]}
                        | {"$inc": change["$inc"] | {"comments_bytes": saved}},
                    )
                    count += 1
        return count

    async def _lead(self, lead: Document) -> dict[str, Any]:
        shown = await self._catalog.show(lambda settings: lead_of(lead, settings))
        items = await self._all(_CHECKLISTS, {"lead": lead["_id"]})
        plain: dict[str, Any] = msgspec.to_builtins(shown)
        return plain | {
            "comments": [_comment(comment) for comment in lead.get("comments") or ()],
            "checklist": [
                _plain(item, "text", "status") | {"comments": [_comment(each) for each in item.get("comments") or ()]}
                for item in items
            ],
            "files": [file.name for file in await self._files.of_lead(lead["_id"])],
        }

    async def _mentioning(self, email: str) -> list[Document]:
        return await self._all(LEADS, {"comments.text": _mention(email)}, {"comments": 1})

    async def _all(self, collection: str, wanted: Document, fields: Document | None = None) -> list[Document]:
        return [document async for document in self._database[collection].find(wanted, fields)]


def _events_about(email: str, lead_ids: list[int]) -> Document:
    """Return the filter of events of these leads, and of others that had the e-mail, or are gone."""
    return {"$or": [{"lead_id": {"$in": lead_ids}}, {"lead": _mention(email)}]}


def _mention(email: str) -> re.Pattern[str]:
    """Return the pattern of an e-mail in a text, in any case, and not as a part of another one."""
    return re.compile(rf"(?<![\w.+-]){re.escape(email)}(?![\w-])", re.IGNORECASE)


def _comment(comment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: comment.get(name) for name in ("id", "text", "created")}


def _user(user: Document) -> dict[str, Any]:
    return {"id": user["_id"], "type": user["type"], "name": full_name(user), "email": user.get("email")}


def _plain(document: Document, *names: str) -> dict[str, Any]:
    return {"id": str(document["_id"])} | {name: document.get(name) for name in names}
