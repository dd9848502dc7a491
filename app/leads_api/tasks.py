"""Cancellation of background tasks."""

import asyncio

AGAIN_SECONDS = 10.0
"""Time until a cancellation is repeated. Longer than the last mail may take, which a second one would interrupt."""


async def end(*tasks: asyncio.Task[object]) -> None:
    """Cancel tasks, repeatedly if necessary, and wait until they have ended. Ignores their exceptions.

    Before Python 3.12, `asyncio.wait_for` loses a cancellation that coincides with its result (python/cpython#86296),
    and drivers use it.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
