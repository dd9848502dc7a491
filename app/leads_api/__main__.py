"""The `leads` command, also as `python -m leads_api`: handles signals, and then runs the command.

The signal handler comes before the imports of the command, which take a second: a process without a handler is killed
by SIGTERM, and as process 1 of a container it never notices the signal.
"""

import os
import signal
import sys


def main() -> None:
    """Run the command and exit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    from leads_api.cli.main import main as run  # noqa: PLC0415 - after the handlers

    sys.exit(run())


def _end(number: int, _: object) -> None:
    # At once: Python would wait for the driver's threads, which may wait for the database. The embedded server notices
    # that this process is gone, and stops. While `leads serve` serves, it has other handlers.
    os._exit(128 + number)


if __name__ == "__main__":
    main()
