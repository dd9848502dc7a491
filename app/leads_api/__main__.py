"""The `leads` command, also as `python -m leads_api`: handles signals, and then runs the command.

The signal handler comes before the imports of the command, which take a second: a process without a handler is killed
by SIGTERM, and as process 1 of a container it never notices the signal.
"""

import os
import signal
import sys
from typing import Any

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


def main() -> None:
    """Run the command and exit."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        from leads_api.cli.main import main as run  # noqa: PLC0415 - after the handler

        status: Any = run()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except SystemExit as end:
        status = end.code
    if status in (INTERRUPTED, TERMINATED):
        os._exit(status)  # Python would wait for the driver's threads, which may wait for the database
    sys.exit(status)


def _terminate(*_: object) -> None:
    raise SystemExit(TERMINATED)


if __name__ == "__main__":
    main()
