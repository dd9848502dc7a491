"""`leads serve` on the embedded server (contract, section 6, "make run" and LEADS_DATA_DIR)."""

import asyncio
import re
import signal
import stat
from pathlib import Path

import pytest

from tests.client import KEY
from tests.wire.process import Service, no_process_of, processes_of, running, started, until


def printed_key(service: Service) -> str:
    match = re.search(r"^API key: (\S+)$", service.out, re.MULTILINE)
    assert match, service.out
    return match[1]


def files_with(text: str, folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


async def test_the_printed_key_works_and_its_file_is_for_the_owner_only(tmp_path: Path, data_dir: Path) -> None:
    async with running(tmp_path, LEADS_DATA_DIR=str(data_dir), LEADS_API_KEY="") as service:
        key = printed_key(service)

        answer = await service.http.get("/api/leads", headers={"Authorization": f"Bearer {key}"})

        assert answer.status_code == 200
        assert key in service.out.split("curl", 1)[1].splitlines()[0]
        assert key not in service.log
        assert [mode(file) for file in files_with(key, data_dir)] == [0o600]
        assert mode(data_dir) == 0o700


async def test_the_same_key_is_printed_again_and_the_data_is_kept(tmp_path: Path, data_dir: Path) -> None:
    async with running(tmp_path / "1", LEADS_DATA_DIR=str(data_dir), LEADS_API_KEY="") as first:
        key = printed_key(first)
        by_key = {"Authorization": f"Bearer {key}"}
        body = {"lead_title": "Kept", "lead_status": 1, "lead_categoryid": 3}
        made = await first.http.post("/api/leads", json=body, headers=by_key)

    async with running(tmp_path / "2", LEADS_DATA_DIR=str(data_dir), LEADS_API_KEY="") as second:
        kept = await second.http.get(made.headers["Location"], headers=by_key)

    assert printed_key(second) == key
    assert made.status_code == 201
    assert kept.status_code == 200
    assert kept.json()["data"] == made.json()["data"]


async def test_the_data_folder_is_data_where_it_was_started_unless_set(tmp_path: Path) -> None:
    async with running(tmp_path, LEADS_API_KEY="") as service:
        printed = printed_key(service)

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
