"""How uvicorn serves the application."""

import uvicorn

from leads_api.server.protocol import GatheringProtocol

KEEP_ALIVE_SECONDS = 75
"""Longer than what gateways keep idle connections for, so that it is never this side that closes one in use."""


def run(application: str, *, host: str, port: int, workers: int, grace_seconds: int) -> None:
    """Serve what an application factory, named like `package.module:function`, makes; return when it has ended."""
    uvicorn.run(
        application,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http=GatheringProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace_seconds,
    )
