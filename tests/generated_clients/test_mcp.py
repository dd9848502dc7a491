"""An agent uses a running service by docs/ai-agents.md: over the bridge, configured as there."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.client import KEY
from tests.generated_clients.install import HERE, node_packages
from tests.programs import program
from tests.wire.process import leads, running

PAGE = (HERE.parents[1] / "docs" / "ai-agents.md").read_text()
(CONFIGURATION,) = re.findall(r'```json title="mcp.json"\n(.*?)```', PAGE, re.DOTALL)


class Agent:
    """Speaks to the bridge as an agent does: JSON-RPC by the line."""

    def __init__(self, bridge: "subprocess.Popen[str]") -> None:
        assert bridge.stdin
        assert bridge.stdout
        self._to, self._from, self._count = bridge.stdin, bridge.stdout, 0
        offered = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}
        self._ask("initialize", offered)
        self._send({"method": "notifications/initialized"})
        self.tools = {tool["name"]: tool for tool in self._ask("tools/list", {})["result"]["tools"]}

    def call(self, tool: str, **arguments: object) -> str:
        """Return what a tool answers."""
        answer = self._ask("tools/call", {"name": tool, "arguments": arguments})
        text: str = answer["error"]["message"] if "error" in answer else answer["result"]["content"][0]["text"]
        return text

    def _send(self, message: dict[str, Any]) -> None:
        self._to.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._to.flush()

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        self._send({"id": self._count, "method": method, "params": params})
        for line in self._from:
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == self._count:
                return answer
        raise AssertionError("the bridge has ended")


@contextmanager
def agent(packages: Path, url: str, key: str) -> Iterator[Agent]:
    """Run the bridge for the length of the block, configured as the page says."""
    configured = json.loads(CONFIGURATION)["mcpServers"]["leads"]
    assert configured["command"] == "npx"
    _, package, *options = configured["args"]
    wanted, _, version = package.rpartition("@")
    assert json.loads((HERE / "mcp" / "package.json").read_text())["dependencies"] == {wanted: version}
    filled_in = {"KEY": key, "http://127.0.0.1:8000": url}
    variables = {
        name: re.sub("KEY|http://127.0.0.1:8000", lambda match: filled_in[match[0]], value)
        for name, value in configured["env"].items()
    }
    bridge = subprocess.Popen(
        [program("node"), packages / "node_modules" / wanted / "bin" / "mcp-server.js", *options],
        env=os.environ | variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        yield Agent(bridge)
    finally:
        bridge.kill()
        bridge.communicate()


@pytest.fixture
def bridge(node: str) -> Path:
    """A folder with the bridge's packages."""
    return node_packages(program("npm"), "mcp")


async def test_an_agent_works_corrects_itself_and_with_a_key_that_may_only_read_changes_nothing(
    bridge: Path, tmp_path: Path
) -> None:
    async with running(tmp_path) as service:
        made = await leads(
            "keys", "create", "--name", "agent", "--scope", "read", LEADS_DATA_DIR=str(tmp_path / "data")
        )
        worked = await asyncio.to_thread(work, bridge, service.url)
        read = await asyncio.to_thread(read_only, bridge, service.url, made.stdout.strip())

    assert "The lead titel field is not recognised." in worked["refused"]
    assert "Lead created successfully." in worked["created"]
    assert "Called Jane." in worked["commented"]
    assert json.loads(worked["found"])["meta"]["total"] == 1
    assert json.loads(read["found"])["meta"]["total"] == 1
    assert "403" in read["refused"]


def work(bridge: Path, url: str) -> dict[str, str]:
    """Create a lead by trial and error, as an agent does; return the answers."""
    with agent(bridge, url, KEY) as with_all_rights:
        named = re.findall(r"`([a-z]+-[a-z-]+)`", PAGE.partition("## 3. Ask")[2].partition("\n## ")[0])
        assert set(named) <= set(with_all_rights.tools)
        assert len(with_all_rights.tools) < 40
        body = {"lead_status": 1, "lead_categoryid": 3}
        return {
            "refused": with_all_rights.call("create-lead", lead_titel="Acme", **body),
            "created": with_all_rights.call("create-lead", lead_title="Acme", **body),
            "commented": with_all_rights.call("comment-lead", lead_id=1, comment="Called Jane."),
            "found": with_all_rights.call("list-leads", search="acme", status="1"),
        }


def read_only(bridge: Path, url: str, key: str) -> dict[str, str]:
    """Try to read and to write; return the answers."""
    with agent(bridge, url, key) as reader:
        return {"found": reader.call("list-leads"), "refused": reader.call("delete-lead", lead_id=1)}
