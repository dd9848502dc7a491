"""What lets a transfer go on: the pauses after a fault of the database, and a file that says how far it had come."""

import hashlib
import os
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from leads_api.settings import Settings

S = TypeVar("S")

PAUSES = (0.2, 1.0, 5.0)
"""Seconds between the tries of a page or a batch, if the database fails."""


def identity(settings: Settings) -> str:
    """Return a text that tells databases apart, without secrets."""
    place = f"{settings.mongodb_uri or settings.data_dir.resolve()} {settings.mongodb_database}"
    return hashlib.sha256(place.encode()).hexdigest()[:16]


class State(Generic[S]):
    """A small file that is replaced as a whole, so that it is always there as a whole."""

    def __init__(self, path: Path, kind: type[S]) -> None:
        self._path = path
        self._kind = kind

    def read(self) -> S | None:
        """Return what was written last; None if there is nothing, or nothing that this release understands."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=self._kind)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def write(self, state: S) -> None:
        """Replace the file."""
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(state))
        draft.replace(self._path)

    def clear(self) -> None:
        """Remove the file: the transfer is complete."""
        self._path.unlink(missing_ok=True)
