"""An export that is not complete yet: a file beside the one that is asked for."""

from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import Struct

from leads_api.cli.transfer.state import State


class Reached(Struct, frozen=True):
    """How far an export has come."""

    how: str
    """What must be the same for the export to go on."""
    lead_id: int = 0
    leads: int = 0
    size: int = 0


class Draft:
    """Collects an export in `FILE.part`, which becomes `FILE` when it is complete."""

    def __init__(self, file: str, how: str) -> None:
        """Go on after an export of the same kind that was killed."""
        self._target = Path(file)
        self._draft = Path(f"{file}.part")
        self._state = State(Path(f"{file}.export-state"), Reached)
        self.reached = Reached(how)
        before = self._state.read()
        if before and before.how == how and self._draft.exists() and self._draft.stat().st_size >= before.size:
            self.reached = before
        self.file = self._draft.open("r+b" if self.reached.size else "wb")
        self.file.truncate(self.reached.size)
        self.file.seek(self.reached.size)

    def note(self, reached: Reached) -> None:
        """Note how far the export has come."""
        self._state.write(reached)

    def finish(self) -> None:
        """Give the file its name."""
        self.file.close()
        self._draft.replace(self._target)
        self._state.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
