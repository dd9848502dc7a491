"""Writes the table of docs/settings.md anew, from the code (`make reference`)."""

import re
from pathlib import Path

from leads_api.settings import described

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
_TABLE = re.compile(r"^\| Variable \|.*?(?=^\n)", re.MULTILINE | re.DOTALL)


def updated(page: str) -> str:
    """Return a page whose table has the settings as they are."""
    rows = [f"| `{name}` | {f'`{default}`' if default else ''} | {text} |" for name, default, text in described()]
    table = "\n".join(["| Variable | Default | Meaning |", "|---|---|---|", *rows]) + "\n"
    return _TABLE.sub(lambda _: table, page, count=1)


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text()))
