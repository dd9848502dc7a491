"""The documentation page: Swagger UI from its own wheel, so that it works without internet access."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.status_codes import HTTP_200_OK

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Leads API</title>
<link rel="icon" type="image/png" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: true,
  validatorUrl: null, tryItOutEnabled: true, defaultModelsExpandDepth: 0
});
"""
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
_DAY = "public, max-age=86400"


def handlers(document: Mapping[str, Any]) -> list[HTTPRouteHandler]:
    """Return the routes of the page, its parts and the document that it shows."""
    package = files("swagger_ui_bundle") / "vendor"
    (folder,) = (entry for entry in package.iterdir() if entry.name.startswith("swagger-ui-"))
    page_headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return [
        _fixed("/openapi.json", msgspec.json.encode(document), "application/json", {"Cache-Control": "no-cache"}),
        _fixed("/docs", _PAGE.encode(), "text/html; charset=utf-8", page_headers),
        _fixed("/docs/start.js", _START.encode(), "text/javascript; charset=utf-8", {"Cache-Control": "no-cache"}),
        *(
            _fixed(f"/docs/{path}", (folder / source).read_bytes(), media_type, {"Cache-Control": _DAY})
            for path, source, media_type in (
                ("swagger-ui-bundle.js", "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
                ("swagger-ui.css", "swagger-ui.css", "text/css; charset=utf-8"),
                ("favicon.png", "favicon-32x32.png", "image/png"),
            )
        ),
    ]


def _fixed(path: str, content: bytes, media_type: str, headers: dict[str, str]) -> HTTPRouteHandler:
    @get(path, include_in_schema=False, media_type=media_type, status_code=HTTP_200_OK)
    async def fixed() -> Response[bytes]:
        return Response(content, media_type=media_type, headers=headers)

    return fixed
