"""Where the database servers of tests keep their files."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30
"""Bytes that must be free in memory: several times what the servers of all processes need together."""


@contextmanager
def folder_for_store() -> Iterator[Path]:
    """Provide a folder during the block: in memory if there is room, because indexes and commits wait for a disk."""
    roomy = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    with TemporaryDirectory(prefix="leads-store-", dir=_MEMORY if roomy else None) as folder:
        yield Path(folder)
