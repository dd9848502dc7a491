"""The command `leads doctor`: checks what the service stands on, and says what to do."""

import asyncio
from collections.abc import Sequence

import msgspec

from leads_api.cli.arguments import Given, Json
from leads_api.cli.checks import Checks
from leads_api.cli.connection import Refused, located
from leads_api.cli.findings import Finding, Health
from leads_api.cli.output import printable, show, show_json
from leads_api.mongo.client import close, connect
from leads_api.settings import Settings


def doctor(*, json: Json = False, settings: Given) -> None:
    """Check the installation."""
    with located(settings) as uri:
        findings = asyncio.run(_examine(uri, settings))
    if json:
        show_json([msgspec.structs.asdict(finding) for finding in findings])
    else:
        show(_told(findings))
    if failed := [finding.check for finding in findings if finding.health is Health.FAILED]:
        raise Refused(f"{len(failed)} of {len(findings)} checks failed: {', '.join(failed)}.")


async def _examine(uri: str, settings: Settings) -> list[Finding]:
    client = connect(uri, driver=settings.mongodb_driver, request_timeout=settings.request_timeout)
    try:
        return await Checks(client, settings).run()
    finally:
        await close(client)


def _told(findings: Sequence[Finding]) -> str:
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.health.value:8} {finding.check:{width}}  {printable(finding.text)}")
        if finding.advice:
            lines.append(f"{'':{8 + width}}   -> {printable(finding.advice)}")
    return "\n".join(lines) + "\n"
