"""What a caller of the fault tests writes and reads; each request goes into the history."""

from collections.abc import Callable
from typing import Any

from tests.client import Api, Json
from tests.faults.history import (
    ARCHIVE,
    CHANGE,
    CLONE,
    COMMENT,
    CONVERT,
    CREATE,
    DELETE,
    ITEM,
    MERGE,
    READ,
    UNCOMMENT,
    History,
    Request,
)


class Writer:
    """One caller."""

    def __init__(self, history: History, api: Api) -> None:
        self._history = history
        self._api = api

    async def create(self, *, keyed: bool = False) -> Request:
        def body(mark: str) -> Json:
            return {"lead_title": mark, "lead_status": 1, "lead_categoryid": 3}

        return await self._send("POST", "/api/leads", CREATE, body, keyed=keyed)

    async def item(self, lead: int) -> Request:
        def body(mark: str) -> Json:
            return {"checklistresource_type": "lead", "checklistresource_id": lead, "checklist_text": mark}

        return await self._send("POST", "/api/checklists", ITEM, body, lead=lead)

    async def tags(self, lead: int) -> Request:
        return await self._send("PUT", f"/api/leads/{lead}/tags", CHANGE, lambda mark: {"tags": [mark]}, lead=lead)

    async def patch(self, lead: int) -> Request:
        def body(mark: str) -> Json:
            return {"lead_description": mark}

        return await self._send("PATCH", f"/api/leads/{lead}", CHANGE, body, lead=lead)

    async def archive(self, lead: int) -> Request:
        return await self._send("PUT", f"/api/leads/{lead}/archive", ARCHIVE, lead=lead)

    async def comment(self, lead: int, *, keyed: bool = False) -> Request:
        path = f"/api/leads/{lead}/comments"
        return await self._send("POST", path, COMMENT, lambda mark: {"comment": mark}, lead=lead, keyed=keyed)

    async def uncomment(self, lead: int, comment: int) -> Request:
        path = f"/api/leads/{lead}/comments/{comment}"
        return await self._send("DELETE", path, UNCOMMENT, lead=lead, comment=comment)

    async def convert(self, lead: int, *, keyed: bool = False, **choices: str) -> Request:
        def body(mark: str) -> Json:
            return {"first_name": "Jane", "last_name": "Doe", "email": f"{mark}@acme.example"} | choices

        return await self._send("POST", f"/api/leads/{lead}/convert", CONVERT, body, lead=lead, keyed=keyed)

    async def clone(self, lead: int, *, keyed: bool = False) -> Request:
        def body(mark: str) -> Json:
            return {"lead_title": mark, "lead_status": 1, "copy_checklist": "on", "copy_files": "on"}

        return await self._send("POST", f"/api/leads/{lead}/clone", CLONE, body, lead=lead, keyed=keyed)

    async def merge(self, lead: int, other: int, *, keyed: bool = False) -> Request:
        def body(_: str) -> Json:
            return {"lead_ids": [other]}

        return await self._send("POST", f"/api/leads/{lead}/merge", MERGE, body, lead=lead, keyed=keyed)

    async def delete(self, lead: int) -> Request:
        return await self._send("DELETE", f"/api/leads/{lead}", DELETE, lead=lead)

    async def read(self, lead: int) -> Request:
        return await self._send("GET", f"/api/leads/{lead}", READ, lead=lead)

    async def repeat(self, request: Request) -> Request:
        """Send a request with a key again."""
        return await self._history.send(self._api, request)

    async def _send(
        self, method: str, path: str, kind: str, body: Callable[[str], Json] | None = None, **fields: Any
    ) -> Request:
        request = self._history.begin(kind, method=method, path=path, **fields)
        request.body = body(request.mark) if body else {}
        return await self._history.send(self._api, request)
