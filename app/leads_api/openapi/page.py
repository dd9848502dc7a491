"""The documentation page: Swagger UI from a Python package, so that it works without internet access."""

from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import PurePath
from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.status_codes import HTTP_200_OK

from leads_api.http.endpoint import RootPath

_MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".png": "image/png"}
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
_FRESH = {"Cache-Control": "no-cache"}
_FOR_A_DAY = {"Cache-Control": "public, max-age=86400"}
_OWN = files(__package__) / "static"


def handlers(document: Callable[[], Mapping[str, Any]]) -> list[HTTPRouteHandler]:
    """Return the routes of the page, its assets and the OpenAPI document, which is made when it is first asked for."""
    document = cache(document)
    template = (_OWN / "page.html").read_text(encoding="utf-8")

    @get("/openapi.json", include_in_schema=False, media_type="application/json", status_code=HTTP_200_OK)
    async def shown_document(root_path: RootPath) -> Response[bytes]:
        content = msgspec.json.encode({**document(), "servers": [{"url": root_path or "/"}]})
        return Response(content, media_type="application/json", headers=_FRESH)

    @get("/docs", include_in_schema=False, media_type="text/html; charset=utf-8", status_code=HTTP_200_OK)
    async def page(root_path: RootPath) -> Response[bytes]:
        content = template.replace("{root}", escape(root_path)).encode()
        headers = {"Content-Security-Policy": _POLICY, **_FRESH}
        return Response(content, media_type="text/html; charset=utf-8", headers=headers)

    return [shown_document, page, *(_fixed(*file) for file in _assets())]


@cache
def _assets() -> list[tuple[str, bytes, Mapping[str, str]]]:
    """Return names and contents of the files that the page loads, and how long they may be kept."""
    vendor = files("swagger_ui_bundle") / "vendor"
    (swagger_ui,) = (entry for entry in vendor.iterdir() if entry.name.startswith("swagger-ui-"))
    return [
        (name, (folder / name).read_bytes(), caching)
        for folder, caching, names in (
            (swagger_ui, _FOR_A_DAY, ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")),
            (_OWN, _FRESH, ("page.css", "page.js")),
        )
        for name in names
    ]


def _fixed(name: str, content: bytes, headers: Mapping[str, str]) -> HTTPRouteHandler:
    media_type = _MEDIA_TYPES[PurePath(name).suffix]

    @get(f"/docs/{name}", include_in_schema=False, media_type=media_type, status_code=HTTP_200_OK)
    async def fixed() -> Response[bytes]:
        return Response(content, media_type=media_type, headers=dict(headers))

    return fixed
