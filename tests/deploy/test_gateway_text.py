"""The commands that set up the gateway without containers do what the page about running it says."""

import re
import subprocess
from pathlib import Path

from tests.deploy.processes import DEPLOY, free_port
from tests.programs import program

ROOT = DEPLOY.parent
(COMMANDS,) = re.findall(
    r"```sh\n(mkdir -p /etc/leads-gateway.*?)```", (ROOT / "docs/operations.md").read_text(), re.DOTALL
)
VARIABLES = set(re.findall(r"\$\{(GATEWAY_\w+)\}", (DEPLOY / "gateway/templates/leads.conf.template").read_text()))


def test_the_commands_name_every_variable_twice_with_its_value_and_to_envsubst() -> None:
    assert set(re.findall(r"(GATEWAY_\w+)=", COMMANDS)) == VARIABLES
    assert set(re.findall(r"\$(GATEWAY_\w+)", COMMANDS)) == VARIABLES


def test_the_commands_make_a_configuration_that_nginx_takes(tmp_path: Path) -> None:
    nginx = program("nginx")
    program("envsubst")
    commands = COMMANDS.replace("/etc/leads-gateway", str(tmp_path)).replace("8080", f"127.0.0.1:{free_port()}")

    done = subprocess.run(
        ["bash", "-ec", commands.replace("nginx -t", f"{nginx} -t")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    written = (tmp_path / "conf.d" / "leads.conf").read_text()
    own = r"\$(?!\{)\w+"  # nginx's variables are all still there
    assert re.findall(own, written) == re.findall(own, (DEPLOY / "gateway/templates/leads.conf.template").read_text())
    assert "GATEWAY_" not in re.sub(r"#.*", "", written)
