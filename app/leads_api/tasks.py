"""Ending what runs in the background."""

import asyncio

AGAIN_SECONDS = 10.0
"""Longer than what takes its time to end in order: the last mail, which a second cancellation would cut off."""


async def end(*tasks: asyncio.Task[object]) -> None:
    """Cancel tasks, and wait until they have ended, however they do.

    Once is not always enough: until Python 3.12, `asyncio.wait_for` loses a cancellation at the moment when what it
    waits for is done (python/cpython#86296), and drivers use it.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
