"""The drain: after SIGTERM, the process goes on serving for a time, so that a gateway notices (decision 14)."""

import ctypes
import math
import socket
import struct
import sys
import time
from contextlib import suppress

_SO_ATTACH_FILTER = 26
_DROP_HANDSHAKES = [  # (code, jump if true, jump if false, value), as <linux/filter.h> has them
    (0x30, 0, 0, 13),  # load the byte with the TCP flags
    (0x45, 0, 1, 0x02),  # is it a SYN?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # keep everything else
]


class Drain:
    """Whether the process is about to end, and until when it goes on."""

    def __init__(self) -> None:
        self.begun = False
        """True from the first signal on: the service is not ready, and each response closes its connection."""
        self._until = math.inf

    def begin(self, seconds: float) -> None:
        """Begin; the drain is over after `seconds`."""
        self.begun = True
        self._until = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Return whether the time is up."""
        return time.monotonic() >= self._until


process_drain = Drain()
"""The drain of this process: a signal is sent to a process, not to an application."""


def drop_handshakes(listener: socket.socket) -> None:
    """Let no new connection begin on a listening socket, but let those that have begun be accepted.

    When a listening socket is closed, the kernel resets the connections that it has not handed out yet. A gateway has
    sent its request on them, and cannot know whether it was done. A caller whose handshake is dropped tries again after
    a second, is then refused, and knows that nothing was sent. Does nothing on other systems than Linux.
    """
    if sys.platform != "linux":
        return
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in _DROP_HANDSHAKES))
    program = struct.pack("HP", len(_DROP_HANDSHAKES), ctypes.addressof(code))
    with suppress(OSError):  # a sandbox may forbid it
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
