"""The router: finds the endpoint of a path and a method."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from litestar.routes import BaseRoute, HTTPRoute

from leads_api.errors import MethodNotAllowed, NotFound
from leads_api.http.endpoint import PARAMETER, Endpoint
from leads_api.http.idempotency import Idempotency
from leads_api.validation.inputs import Inputs
from leads_api.validation.values import INT64_MAX

UNKNOWN = "unknown"
"""Stands for all paths that do not exist, in logs and metrics."""
_MAX_PATH = 2048
_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


class Path:
    """One path and its methods. GET also serves HEAD; OPTIONS is always allowed."""

    def __init__(self, route: str, methods: Mapping[str, Endpoint]) -> None:
        """`route` is the path with the names of its parameters."""
        self.route = route
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
    """All paths, as a tree of path segments; `{}` matches an id."""

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
            node = self._root
            for segment in PARAMETER.sub("{}", route.path_format).split("/")[1:]:
                node = node.setdefault(segment, {})
            node["/"] = Path(route.path_format, methods)  # no segment can contain a slash

    def route(self, path: str) -> str:
        """Return the path with the names of its parameters; UNKNOWN if there is none."""
        try:
            return self.at(path)[0].route
        except NotFound:
            return UNKNOWN

    def at(self, path: str) -> tuple[Path, list[int]]:
        """Return the path and the ids in it; a trailing slash is ignored. Raises NotFound."""
        # Servers pass on targets that are no path, such as `*` with a suffix. The pipeline has not authenticated these.
        if not path.startswith("/") or len(path) > _MAX_PATH:
            raise NotFound
        if path != "/":
            path = path.removesuffix("/")
        node, ids = self._root, []
        for segment in path.split("/")[1:]:
            if (below := node.get(segment)) is None or segment == "{}":
                below = node.get("{}")
                if below is None or not _ID.fullmatch(segment) or int(segment) > INT64_MAX:
                    raise NotFound
                ids.append(int(segment))
            node = below
        if (found := node.get("/")) is None:
            raise NotFound
        return found, ids
