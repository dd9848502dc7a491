"""Child processes that end with the process that started them, even if that is killed."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# The pipe to the shell closes when this process ends. What waits for that holds no output open, so that the end of the
# child is the end of its output.
_WATCH = 'exec 3<&0; "$@" 3<&- & child=$!; { cat <&3; kill -TERM $child; } >/dev/null 2>&1 & wait $child'


def start(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """Start a command. It gets SIGTERM when its `stdin` is closed, and no signals of the terminal, such as Ctrl-C."""
    return subprocess.Popen(  # noqa: S603 - our own command line
        ["/bin/sh", "-c", _WATCH, "sh", *command], stdin=subprocess.PIPE, start_new_session=True, **options
    )
