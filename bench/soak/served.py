"""`leads serve`, with a view of what is inside: on SIGUSR1 it writes how many tasks and sessions there are.

    SOAK_INSIDE=inside.json python -m bench.soak.served serve --port 8000

It is for the soak only, so that the service needs no option for it.
"""

import asyncio
import gc
import os
import signal
from pathlib import Path
from types import FrameType

import msgspec

from leads_api.__main__ import main

INSIDE = "SOAK_INSIDE"


def _tell(_number: int, _frame: FrameType | None) -> None:
    path = Path(os.environ[INSIDE])
    sessions = sum(type(each).__name__ == "_ServerSession" for each in gc.get_objects())
    found = {"tasks": len(asyncio.all_tasks()), "sessions": sessions}
    path.with_suffix(".new").write_bytes(msgspec.json.encode(found))
    path.with_suffix(".new").replace(path)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _tell)
    main()
