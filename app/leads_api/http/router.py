"""The router: finds the endpoint of a path and a method."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar.routes import BaseRoute, HTTPRoute

from leads_api.errors import MethodNotAllowed, NotFound
from leads_api.http.endpoint import PARAMETER, Endpoint
from leads_api.http.idempotency import Idempotency
from leads_api.validation.inputs import Inputs
from leads_api.validation.rules import converter
from leads_api.validation.values import INT64_MAX, Convert, Wrong, is_blank

_MAX_PATH = 2048
_TEXT, _CONVERT = "{text}", "{convert}"
_PATTERNS = {"{}", _TEXT, _CONVERT}
_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


class Path:
    """One path and its methods. GET also serves HEAD; OPTIONS is always allowed."""

    def __init__(self, methods: Mapping[str, Endpoint]) -> None:
        self._endpoints = dict(methods)
        if "GET" in methods:
            self._endpoints["HEAD"] = methods["GET"]
        self.allow = ", ".join(sorted({*self._endpoints, "OPTIONS"}))

    def endpoint(self, method: str) -> Endpoint:
        """Return the endpoint of a method. Raises MethodNotAllowed."""
        if (endpoint := self._endpoints.get(method)) is None:
            raise MethodNotAllowed(self.allow)
        return endpoint


class Router:
    """All paths, as a tree of path segments; `{}` matches an id, and `{text}` a text."""

    def __init__(
        self, routes: Iterable[BaseRoute], parts: Mapping[str, Any], inputs: Inputs, idempotency: Idempotency
    ) -> None:
        """`parts` are the values of handler parameters annotated with `Part`, by name."""
        self._root: dict[str, Any] = {}
        for route in routes:
            assert isinstance(route, HTTPRoute)
            methods: dict[str, Endpoint] = {
                method: Endpoint(route, handler, parts, inputs, idempotency)
                for handler in route.route_handlers
                for method in handler.http_methods
                if method != "OPTIONS"
            }
            kinds = next(iter(methods.values())).path
            node = self._root
            for segment in route.path_format.split("/")[1:]:
                name = PARAMETER.fullmatch(segment)
                if name is None or kinds[name[1]] is int:
                    node = node.setdefault("{}" if name else segment, {})
                else:
                    node = node.setdefault(_TEXT, {_CONVERT: converter(kinds[name[1]])})
            node["/"] = Path(methods)  # no segment of a pattern has a slash

    def at(self, path: str, raw_path: bytes = b"") -> tuple[Path, list[int | str]]:
        """Return the path and the ids in it; a trailing slash is ignored. Raises NotFound.

        `path` is decoded. Where `raw_path` is not the same, it is split before it is decoded: `%2F` is no separator.
        """
        # Servers pass on targets that are no path, such as `*` with a suffix. The pipeline has not authenticated these.
        if not path.startswith("/") or len(path) > _MAX_PATH:
            raise NotFound
        node, ids = self._root, list[int | str]()
        for segment in _segments_of(path, raw_path) if b"%" in raw_path else _split(path):
            if (below := node.get(segment)) is None or segment in _PATTERNS:
                if (below := node.get("{}")) is not None and _ID.fullmatch(segment) and int(segment) <= INT64_MAX:
                    ids.append(int(segment))
                elif (below := node.get(_TEXT)) is not None:
                    ids.append(_text_of(segment, below[_CONVERT]))
                else:
                    raise NotFound
            node = below
        if (found := node.get("/")) is None:
            raise NotFound
        return found, ids


def _split(path: str) -> list[str]:
    return (path if path == "/" else path.removesuffix("/")).split("/")[1:]


def _segments_of(path: str, raw_path: bytes) -> list[str]:
    """Return the decoded segments of a path. Servers and gateways may have removed a prefix from `path` only."""
    parts = [unquote_to_bytes(part) for part in raw_path.split(b"/")[1:]]
    texts = [part.decode(errors="replace") for part in parts]
    prefix, start = sum(len(text) + 1 for text in texts) - len(path), 0
    while prefix > 0:
        prefix -= len(texts[start]) + 1
        start += 1
    if "/".join(["", *texts[start:]]) != path:
        return _split(path)
    if not parts[-1] and len(parts) - start > 1:
        parts.pop()
    return [part.decode(errors="surrogateescape") for part in parts[start:]]


def _text_of(segment: str, convert: Convert) -> str:
    """Return the text in a path. Raises NotFound if it is none that a record could have."""
    try:
        segment.encode()
        if is_blank(segment):
            raise NotFound
        text: str = convert(segment)
    except (UnicodeEncodeError, Wrong):
        raise NotFound from None
    return text
