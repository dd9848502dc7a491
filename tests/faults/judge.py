"""The last look of a fault test: is what callers were told what the database has?"""

from leads_api.mongo.client import close, connect
from tests.conftest import PATIENCE
from tests.faults.checker import Checker, Verdict
from tests.faults.found import Found
from tests.faults.history import History
from tests.wire.process import Service


async def judged(history: History, uri: str, *services: Service, name: str = "leads") -> Verdict:
    """Compare a history with what the database has; the logs of the services say why requests were answered 503."""
    for service in services:
        history.explain(service.lines)
    client = connect(uri, request_timeout=PATIENCE)
    try:
        return Checker(history, await Found.read(client[name])).verdict()
    finally:
        await close(client)
