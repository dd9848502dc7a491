"""The pulse of a process: how late its event loop is, and that it lives."""

import asyncio

from leads_api.telemetry import metrics, workers
from leads_api.telemetry.metrics import Gauge, Histogram

_SECONDS = 0.5

_LAG = Histogram("leads_event_loop_lag_seconds", "How late the event loop runs what is due.")
Gauge("leads_processes", "Processes of the instance that serve requests.").follow(lambda: 1)


async def beat() -> None:
    """Measure the lag of the event loop until cancelled, and write the metrics for other workers."""
    loop, lag = asyncio.get_running_loop(), _LAG.at()
    while True:
        due = loop.time() + _SECONDS
        await asyncio.sleep(_SECONDS)
        lag.observe(max(0.0, loop.time() - due))
        if workers.together is None:
            metrics.sort()
        else:
            workers.together.write()
