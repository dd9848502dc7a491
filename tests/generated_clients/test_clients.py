"""Clients that generators make from `docs/openapi.json` can be used against a running service."""

import json
import shutil
import tempfile
from pathlib import Path

from leads_api.testing import LeadsService
from tests.generated_clients.install import HERE, run

DOCUMENT = HERE.parents[1] / "docs" / "openapi.json"
SEEN = {
    "created": ["Acme", "2500.00", "2026-06-15", 3],
    "other values": ["10.50", None],
    "listed": ["Acme", "Best", "Cold"],
    "total": 3,
    "walked": True,
    "patched": ["Acme", "2500.00", "+49 30 1234", None],
    "member": ["Sam Leigh", "suspended"],
    "field": ["Height", False],
    "assigned": ["Admin"],
    "client": ["Jane Doe", "Jane Doe", True],
    "converted again": ["This lead has already been converted to a client.", True],
    "unknown": "Lead not found.",
    "refused": {"lead_title": ["The lead title field is required."]},
}
"""What each client sees when it creates, lists, walks, changes and converts."""


def test_a_client_from_openapi_python_client_works(python: Path, service: LeadsService, tmp_path: Path) -> None:
    source = HERE / "python"

    run(
        python, "-m", "openapi_python_client", "generate", "--path", DOCUMENT, "--meta", "none", "--fail-on-warning",
        "--config", source / "config.yaml", "--output-path", tmp_path / "leads_client", folder=tmp_path,
    )  # fmt: skip
    shutil.copy(source / "scenario.py", tmp_path)

    assert json.loads(run(python, "scenario.py", service.url, service.key, folder=tmp_path)) == SEEN


def test_a_client_from_openapi_typescript_compiles_and_works(node: str, packages: Path, service: LeadsService) -> None:
    tools = packages / "node_modules"
    with tempfile.TemporaryDirectory(dir=packages) as name:  # below the packages, so that they are found
        folder = Path(name)
        for file in ("scenario.ts", "tsconfig.json", "package.json"):
            shutil.copy(HERE / "typescript" / file, folder)

        run(node, tools / "openapi-typescript/bin/cli.js", DOCUMENT, "--output", "schema.d.ts", folder=folder)
        run(node, tools / "typescript/bin/tsc", folder=folder)

        assert json.loads(run(node, "scenario.js", service.url, service.key, folder=folder)) == SEEN
