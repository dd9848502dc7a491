"""`leads serve` on the embedded server (contract, section 6, "make run" and LEADS_DATA_DIR)."""

import asyncio
import json
import os
import re
import signal
import socket
import stat
import subprocess
from pathlib import Path

import httpx
import pytest

from leads_api.server.embedded import CannotStart, Embedded
from tests.client import KEY
from tests.programs import program
from tests.wire.process import Service, leads, no_process_of, processes_of, running, started, until

pytestmark = pytest.mark.own_database


async def printed_key(service: Service) -> str:
    """Return the key of the greeting, which comes a moment after the service is ready."""

    async def greeted() -> bool:
        return "Documentation" in service.out

    await until(greeted, "the greeting")
    match = re.search(r"^API key: (\S+)$", service.out, re.MULTILINE)
    assert match, service.out
    return match[1]


def embedded_servers(folder: Path) -> list[int]:
    """Return the processes that have a data folder's database open."""
    table = subprocess.run(
        [program("ps"), "-A", "-ww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(maxsplit=1) for line in table.splitlines()]
    return [int(process) for process, command in rows if str(folder) in command and not command.startswith("/bin/sh")]


def files_with(text: str, folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


async def test_nothing_is_printed_before_the_port_is_had(tmp_path: Path, data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with started(tmp_path, port=taken.getsockname()[1], LEADS_DATA_DIR=str(data_dir)) as service:
            status = await service.ended()

    assert status == 1
    assert service.out == ""
    assert "cannot listen" in service.log
    assert not data_dir.exists()  # noqa: ASYNC240 - nothing else runs here


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_any_free_port_is_printed_as_the_one_that_it_is(tmp_path: Path, data_dir: Path, workers: str) -> None:
    async with started(tmp_path, "--port", "0", "--workers", workers, LEADS_DATA_DIR=str(data_dir)) as service:

        async def greeted() -> bool:
            return "Documentation" in service.out

        await until(greeted, "the greeting")
        url = re.findall(r"http://127\.0\.0\.1:[1-9][0-9]*", service.out)[0]
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{url}/health/ready")).status_code == 200


async def test_an_address_of_ipv6_is_printed_in_brackets(tmp_path: Path, data_dir: Path) -> None:
    async with started(tmp_path, "--host", "::1", LEADS_DATA_DIR=str(data_dir)) as service:

        async def greeted() -> bool:
            return f"http://[::1]:{service.port}/docs" in service.out

        await until(greeted, "the greeting")


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_an_embedded_server_that_is_killed_is_started_again(tmp_path: Path, data_dir: Path, workers: str) -> None:
    async with running(tmp_path, "--workers", workers, LEADS_DATA_DIR=str(data_dir)) as service:
        made = await service.api.lead()
        for _ in range(2):
            for process in embedded_servers(data_dir):
                os.kill(process, signal.SIGKILL)

            async def answers_again() -> bool:
                answer = await service.api.get(f"/api/leads/{made['id']}")
                assert answer.status_code in {200, 503}
                return answer.status_code == 200

            await until(answers_again, "the database is there again")
            assert await service.api.shown(made["id"]) == made
            assert await service.api.lead()

        assert await service.end() == 0
        assert processes_of(data_dir) == []
    assert any(line["level"] == "error" and "started again" in line["message"] for line in service.lines)


async def test_the_printed_key_works_and_its_file_is_for_the_owner_only(tmp_path: Path, data_dir: Path) -> None:
    async with running(tmp_path, LEADS_DATA_DIR=str(data_dir), LEADS_API_KEY="") as service:
        key = await printed_key(service)

        answer = await service.http.get("/api/leads", headers={"Authorization": f"Bearer {key}"})

        assert answer.status_code == 200
        assert key in service.out.split("curl", 1)[1].splitlines()[0]
        assert key not in service.log
        assert [mode(file) for file in files_with(key, data_dir)] == [0o600]
        assert mode(data_dir) == 0o700


async def test_the_same_key_is_printed_again_and_the_data_is_kept(tmp_path: Path, data_dir: Path) -> None:
    async with running(tmp_path / "1", LEADS_DATA_DIR=str(data_dir), LEADS_API_KEY="") as first:
        key = await printed_key(first)
        by_key = {"Authorization": f"Bearer {key}"}
        body = {"lead_title": "Kept", "lead_status": 1, "lead_categoryid": 3}
        made = await first.http.post("/api/leads", json=body, headers=by_key)

    async with running(tmp_path / "2", LEADS_DATA_DIR=str(data_dir), LEADS_API_KEY="") as second:
        kept = await second.http.get(made.headers["Location"], headers=by_key)
        assert await printed_key(second) == key

    assert made.status_code == 201
    assert kept.status_code == 200
    assert kept.json()["data"] == made.json()["data"]


async def test_the_data_folder_is_data_where_it_was_started_unless_set(tmp_path: Path) -> None:
    async with running(tmp_path, LEADS_API_KEY="") as service:
        printed = await printed_key(service)

    assert files_with(printed, tmp_path / "data")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_service_and_server_with_the_data_whole(
    tmp_path: Path, data_dir: Path, number: signal.Signals, workers: str
) -> None:
    async with running(tmp_path / "1", "--workers", workers, LEADS_DATA_DIR=str(data_dir)) as service:
        made = [await service.api.lead(lead_title=f"Lead {n}") for n in range(5)]
        assert processes_of(data_dir)

        status = await service.end(number)

        assert status == 0
        assert processes_of(data_dir) == []
        assert "Traceback" not in service.log

    async with running(tmp_path / "2", LEADS_DATA_DIR=str(data_dir)) as again:
        assert [await again.api.shown(lead["id"]) for lead in made] == made


@pytest.mark.parametrize("moment", [0.05, 0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_while_it_starts_ends_all_of_it(
    tmp_path: Path, data_dir: Path, number: signal.Signals, moment: float
) -> None:
    async with started(tmp_path, LEADS_DATA_DIR=str(data_dir)) as service:
        await asyncio.sleep(moment)  # the moments are what is tried here: whatever it is doing then

        await service.end(number)

        await until(lambda: no_process_of(data_dir), "the embedded server ends")


async def test_ctrl_c_while_the_embedded_server_starts_ends_all_without_a_trace(tmp_path: Path, data_dir: Path) -> None:
    async with started(tmp_path, LEADS_DATA_DIR=str(data_dir)) as service:

        async def starts() -> bool:
            return bool(processes_of(data_dir))

        await until(starts, "the embedded server starts")

        await service.end(signal.SIGINT)

        await until(lambda: no_process_of(data_dir), "the embedded server ends")
        assert "Traceback" not in service.log


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_kill_9_leaves_no_process_and_the_next_start_has_all_that_was_acknowledged(
    tmp_path: Path, data_dir: Path, workers: str
) -> None:
    async with running(tmp_path / "1", "--workers", workers, LEADS_DATA_DIR=str(data_dir)) as service:
        made = [await service.api.lead(lead_title=f"Lead {n}") for n in range(5)]
        client = await service.api.client(made[0]["id"])
        assert processes_of(data_dir)

        await service.end(signal.SIGKILL)

        await until(lambda: no_process_of(data_dir), "the embedded server ends")

        async with running(tmp_path / "2", port=service.port, LEADS_DATA_DIR=str(data_dir)) as again:
            assert [await again.api.shown(lead["id"]) for lead in made[1:]] == made[1:]
            assert (await again.api.shown(made[0]["id"]))["converted"]["client_id"] == client["id"]
            assert await again.api.lead()


async def test_a_start_right_after_kill_9_works(tmp_path: Path, data_dir: Path) -> None:
    async with running(tmp_path / "1", LEADS_DATA_DIR=str(data_dir)) as service:
        made = await service.api.lead()

        await service.end(signal.SIGKILL)

        async with running(tmp_path / "2", LEADS_DATA_DIR=str(data_dir)) as again:
            assert await again.api.shown(made["id"]) == made


async def test_a_second_service_on_the_same_folder_is_refused_and_harms_nothing(tmp_path: Path, data_dir: Path) -> None:
    async with running(tmp_path / "1", LEADS_DATA_DIR=str(data_dir)) as service:
        made = await service.api.lead()

        async with started(tmp_path / "2", LEADS_DATA_DIR=str(data_dir)) as second:
            status = await second.ended()

        assert status == 1
        assert str(data_dir) in second.log
        assert "Traceback" not in second.log
        assert await service.api.shown(made["id"]) == made


async def test_the_embedded_server_listens_on_loopback_only(tmp_path: Path, data_dir: Path) -> None:
    async with running(tmp_path, LEADS_DATA_DIR=str(data_dir), LEADS_API_KEY=KEY):
        commands = [line for line in processes_of(data_dir) if "--host" in line]

        assert commands
        assert all("--host 127.0.0.1" in line for line in commands)


async def names_of_keys(folder: Path) -> list[str]:
    done = await leads("keys", "list", "--json", LEADS_DATA_DIR=str(folder))
    assert done.returncode == 0, done.stderr
    return [key["name"] for key in json.loads(done.stdout)]


async def killed_with_a_key(tmp_path: Path, folder: Path, name: str) -> None:
    """Leave a folder with a key, and with the record of a server that has been killed."""
    async with running(tmp_path, LEADS_DATA_DIR=str(folder)) as service:
        done = await leads("keys", "create", "--name", name, LEADS_DATA_DIR=str(folder))
        assert done.returncode == 0, done.stderr
        await service.end(signal.SIGKILL)
        await until(lambda: no_process_of(folder), "the embedded server ends")


async def test_a_stale_record_does_not_show_another_folder_s_keys(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    await killed_with_a_key(tmp_path / "1", first, "first")
    async with running(tmp_path / "2", LEADS_DATA_DIR=str(second)):
        done = await leads("keys", "create", "--name", "second", LEADS_DATA_DIR=str(second))
        assert done.returncode == 0, done.stderr
        ours = json.loads((first / "embedded.json").read_text())
        theirs = json.loads((second / "embedded.json").read_text())

        (first / "embedded.json").write_text(json.dumps(ours | {"port": theirs["port"]}))
        on_its_port = await names_of_keys(first)
        (first / "embedded.json").write_text(json.dumps(theirs))
        with_its_record = await names_of_keys(first)

    assert "first" in on_its_port
    assert on_its_port == with_its_record
    assert "second" not in on_its_port


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x10\x00\x00\x00" * 4])
async def test_a_stranger_on_the_port_of_a_stale_record_is_not_taken_for_the_database(
    tmp_path: Path, data_dir: Path, says: bytes
) -> None:
    await killed_with_a_key(tmp_path, data_dir, "ours")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as stranger:
        record = json.loads((data_dir / "embedded.json").read_text())
        port = stranger.sockets[0].getsockname()[1]
        (data_dir / "embedded.json").write_text(json.dumps(record | {"port": port}))

        names = await names_of_keys(data_dir)

    assert "ours" in names


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"port": "x"}', '{"port": 1, "group": null}'])
async def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, data_dir: Path, record: str) -> None:
    await killed_with_a_key(tmp_path, data_dir, "ours")
    (data_dir / "embedded.json").write_text(record)

    assert "ours" in await names_of_keys(data_dir)


def test_a_stranger_on_its_port_is_not_taken_for_the_server_that_is_started(data_dir: Path) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()

        with pytest.raises(CannotStart, match="port"):
            Embedded(data_dir, port=stranger.getsockname()[1])

    assert processes_of(data_dir) == []


async def test_a_command_finds_the_server_that_was_started_again(tmp_path: Path, data_dir: Path) -> None:
    async with running(tmp_path, LEADS_DATA_DIR=str(data_dir)) as service:
        record = (data_dir / "embedded.json").read_text()
        for process in embedded_servers(data_dir):
            os.kill(process, signal.SIGKILL)

        async def noted() -> bool:
            return (data_dir / "embedded.json").read_text() != record

        await until(noted, "the new server is noted")
        await service.until(200)
        done = await leads("keys", "create", "--name", "beside", LEADS_DATA_DIR=str(data_dir))

    assert done.returncode == 0, done.stderr
