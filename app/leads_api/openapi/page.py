"""The documentation page: Swagger UI from a Python package, so that it works without internet access."""

from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.status_codes import HTTP_200_OK

from leads_api.http.endpoint import RootPath

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Leads API</title>
<link rel="icon" type="image/png" href="{root}/docs/favicon.png">
<link rel="stylesheet" href="{root}/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui" data-document="{root}/openapi.json"></div>
<script src="{root}/docs/swagger-ui-bundle.js"></script>
<script src="{root}/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.document, dom_id: "#swagger-ui",
  deepLinking: true, persistAuthorization: true,
  validatorUrl: null, tryItOutEnabled: true, defaultModelsExpandDepth: 0
});
"""
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
_FRESH = {"Cache-Control": "no-cache"}
_DAY = "public, max-age=86400"


def handlers(document: Callable[[], Mapping[str, Any]]) -> list[HTTPRouteHandler]:
    """Return the routes of the page, its assets and the OpenAPI document, which is made when it is first asked for."""
    document = cache(document)

    @get("/openapi.json", include_in_schema=False, media_type="application/json", status_code=HTTP_200_OK)
    async def shown_document(root_path: RootPath) -> Response[bytes]:
        content = msgspec.json.encode({**document(), "servers": [{"url": root_path or "/"}]})
        return Response(content, media_type="application/json", headers=_FRESH)

    @get("/docs", include_in_schema=False, media_type="text/html; charset=utf-8", status_code=HTTP_200_OK)
    async def page(root_path: RootPath) -> Response[bytes]:
        content = _PAGE.replace("{root}", escape(root_path)).encode()
        headers = {"Content-Security-Policy": _POLICY, **_FRESH}
        return Response(content, media_type="text/html; charset=utf-8", headers=headers)

    assets = [
        _fixed(f"/docs/{name}", content, media_type, {"Cache-Control": _DAY}) for name, content, media_type in _assets()
    ]
    start = _fixed("/docs/start.js", _START.encode(), "text/javascript; charset=utf-8", _FRESH)
    return [shown_document, page, start, *assets]


@cache
def _assets() -> list[tuple[str, bytes, str]]:
    """Return name, content and media type of the files of Swagger UI."""
    package = files("swagger_ui_bundle") / "vendor"
    (folder,) = (entry for entry in package.iterdir() if entry.name.startswith("swagger-ui-"))
    return [
        (path, (folder / source).read_bytes(), media_type)
        for path, source, media_type in (
            ("swagger-ui-bundle.js", "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
            ("swagger-ui.css", "swagger-ui.css", "text/css; charset=utf-8"),
            ("favicon.png", "favicon-32x32.png", "image/png"),
        )
    ]


def _fixed(path: str, content: bytes, media_type: str, headers: Mapping[str, str]) -> HTTPRouteHandler:
    @get(path, include_in_schema=False, media_type=media_type, status_code=HTTP_200_OK)
    async def fixed() -> Response[bytes]:
        return Response(content, media_type=media_type, headers=dict(headers))

    return fixed
