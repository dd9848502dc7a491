"""How long export and import of many leads take, and the most memory that they need.

    python -m bench.transfer --leads 10000,100000 --server-binary /path/to/a/server

All leads are exported, imported into an empty database with the same settings, and exported again. With --kills 2, both
commands are killed twice on their way, and run again. The exit status is 1 if a field of a lead differs then. Ids,
times, tags and the like are not imported (docs/import.md), and not compared.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.load import cpu_ms
from bench.servers import CannotRun, database
from bench.target import Target, name_of
from leads_api.cli.transfer.flat import body_of

_LEADS = str(Path(sys.executable).with_name("leads"))


class Run(NamedTuple):
    """What a command took."""

    seconds: float
    cpu_seconds: float
    database_cpu_seconds: float
    memory_mb: float
    """The most that was resident."""


def measured(command: list[str], target: Target, database_pid: int | None, *, kills: int = 0, leads: int = 0) -> Run:
    """Run a `leads` command to its end, having killed it a few times on its way. Raises CannotRun."""
    environment = {"LEADS_MONGODB_URI": target.uri, "LEADS_MONGODB_DATABASE": target.name}
    began, before = time.perf_counter(), _cpu_seconds(database_pid)
    cpu = memory = 0.0
    for part in range(1, kills + 2):
        process = subprocess.Popen([_LEADS, *command], env=os.environ | environment)
        if part <= kills:
            _wait_for(Path(f"{command[1]}.{command[0]}-state"), leads * part // (kills + 1), process)
            process.kill()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss / 1e3)
    if process.returncode:
        raise CannotRun(f"leads {command[0]} ended with {process.returncode}.")
    return Run(time.perf_counter() - began, cpu, _cpu_seconds(database_pid) - before, memory)


def _wait_for(state: Path, done: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until so many leads are done, which the command records in a file."""
    while process.poll() is None:
        if state.exists():
            reached = msgspec.json.decode(state.read_bytes())
            if reached.get("leads", 0) + sum(reached.get("counts", {}).values()) >= done:
                return
        time.sleep(0.01)
    raise CannotRun("The command has ended before it could be killed.")


def _cpu_seconds(pid: int | None) -> float:
    return cpu_ms(pid) / 1000 if pid else 0.0


def contents(file: Path) -> Counter[bytes]:
    """Return what the leads of an export have, as far as an import sets it, and how many have the same."""
    with file.open("rb") as lines:
        return Counter(
            msgspec.json.encode(body_of(lead) | {"lead_external_id": None}, order="deterministic")
            for lead in map(msgspec.json.decode, lines)
        )


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.transfer", description="Measure export and import.")
    parser.add_argument("--leads", default="10000,100000", help="sizes; default: 10000,100000")
    parser.add_argument("--form", choices=["ndjson", "csv"], default="ndjson", help="of the file; default: ndjson")
    parser.add_argument("--kills", type=int, default=0, help="of each command, which then goes on; default: 0")
    parser.add_argument("--server-binary", type=Path, help="starts this server; see LEADS_MONGODB_URI in README.md")
    options = parser.parse_args()
    sys.stdout.write("| command | leads | seconds | leads/s | CPU s | database CPU s | peak MB |\n")
    sys.stdout.write("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
    differing = 0
    with database(options.server_binary, None) as (uri, pid, _), tempfile.TemporaryDirectory() as folder:
        for leads in map(int, options.leads.split(",")):
            full, empty = Target(uri, name_of(leads), leads), Target(uri, f"{name_of(leads)}_imported", 0)
            full.prepare()
            empty.prepare(fresh=True)
            sent, file = Path(folder, "sent.ndjson"), Path(folder, f"sent.{options.form}")
            killed = {"kills": options.kills, "leads": leads}
            runs = {f"export, {options.form}": measured(["export", str(file)], full, pid, **killed)}
            runs[f"import, {options.form}"] = measured(["import", str(file)], empty, pid, **killed)
            for target, copy in ((full, sent), (empty, Path(folder, "again.ndjson"))):
                measured(["export", str(copy)], target, pid)
            for name, run in runs.items():
                cpu = f"{run.cpu_seconds:.1f} | {run.database_cpu_seconds:.1f}"
                rate = f"{run.seconds:.1f} | {leads / run.seconds:.0f}"
                sys.stdout.write(f"| {name} | {leads} | {rate} | {cpu} | {run.memory_mb:.0f} |\n")
            sys.stdout.flush()
            differing += (contents(sent) - contents(Path(folder, "again.ndjson"))).total()
    sys.stdout.write(f"\nLeads that differ: {differing}\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
