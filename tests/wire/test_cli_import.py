"""`leads import` and `leads export` (docs/import.md)."""

import asyncio
import csv
import json
import random
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from leads_api.cli.transfer.columns import Body
from leads_api.cli.transfer.writing import Writer
from leads_api.mongo.client import Client, Database
from leads_api.settings import Settings
from leads_api.setup import set_up
from tests.client import KEY, Json
from tests.faults.extent import extent
from tests.wire.process import SECONDS, Service, begun, leads, running, until

MANY = 1600
"""More than an import or an export has done before a test kills it."""
ALL = extent(bounded=MANY, full=100_000)
STEP = extent(bounded=0, full=30_000)
"""How many leads are done between kills, at least."""
SLOW = extent(bounded=240, full=3600)
"""Seconds, more than one import or export of all takes."""


SAMPLES = Path(__file__).parents[2] / "docs" / "samples"


@pytest.fixture
async def databases(wire_client: Client, server_uri: str) -> AsyncIterator[list[dict[str, str]]]:
    """Settings that lead to two databases that are set up, for tests that leave open transactions behind."""
    names = [f"transfer_{uuid4().hex[:20]}" for _ in range(2)]
    for name in names:
        await set_up(wire_client[name])
    yield [{"LEADS_MONGODB_URI": server_uri, "LEADS_MONGODB_DATABASE": name} for name in names]
    for name in names:
        await wire_client.drop_database(name)


@pytest.fixture
async def service(tmp_path: Path, given: dict[str, str]) -> AsyncIterator[Service]:
    async with running(tmp_path / "service", given=given) as service:
        yield service


async def imported(given: dict[str, str], *arguments: str, status: int = 0) -> Json:
    done = await leads("import", *arguments, "--json", **given)
    assert done.returncode == status, done.stderr
    told: Json = json.loads(done.stdout)
    return told


async def exported(file: Path, **given: str) -> list[Json]:
    done = await leads("export", str(file), **given)
    assert done.returncode == 0, done.stderr
    return read(file)


def read(file: Path) -> list[Json]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def written(file: Path, *lines: str) -> str:
    file.write_text("".join(f"{line}\n" for line in lines))
    return str(file)


def bodies(count: int) -> Iterator[Json]:
    """Leads of all kinds: any letters, quotes, line ends, formulas, values that are empty."""
    chance = random.Random(7)
    texts = ["Ärzte & Söhne", '"quoted", with comma', "two\nlines", "=1+1", "+49 30 1234", "'=x", "店", "a;b\tc", "{}"]
    for number in range(count):
        body: Json = {
            "lead_title": f"Lead {number} {chance.choice(texts)}", "lead_status": chance.choice([1, 3, 4, 5, 7]),
            "lead_categoryid": 3, "lead_external_id": f"crm-{number}",
        }  # fmt: skip
        for name in (
            "lead_firstname",
            "lead_company_name",
            "lead_phone",
            "lead_source",
            "lead_description",
            "lead_zip",
        ):
            body[name] = chance.choice([None, *texts])
        body["lead_email"] = chance.choice([None, f"n{number}@acme.example"])
        body["lead_value"] = chance.choice([None, "0.00", f"{number}.50"])
        body["lead_last_contacted"] = chance.choice([None, "2026-06-15"])
        body["colour"] = chance.choice([None, "red", "blue"])
        yield body


async def with_colours(*databases: dict[str, str], folder: Path) -> None:
    for settings in databases:
        async with running(folder / settings["LEADS_MONGODB_DATABASE"], given=settings) as service:
            field = {"name": "colour", "title": "Colour", "datatype": "text"}
            assert (await service.api.post("/api/custom-fields", field)).status_code == 201


def as_body(lead: Json) -> Json:
    """A lead as it is shown, as the body that makes it."""
    contact, address = lead["contact"], lead["address"]
    return {
        "lead_title": lead["title"], "lead_status": lead["status"]["id"], "lead_categoryid": lead["category"]["id"],
        "lead_external_id": lead["external_id"], "lead_firstname": contact["first_name"],
        "lead_company_name": contact["company_name"], "lead_phone": contact["phone"], "lead_email": contact["email"],
        "lead_source": lead["source"], "lead_description": lead["description"], "lead_zip": address["zip"],
        "lead_value": lead["value"], "lead_last_contacted": lead["last_contacted"], **lead["custom_fields"],
    }  # fmt: skip


async def killed(command: list[str], when: Callable[[], bool], **given: str) -> None:
    """Run a command, and kill it as soon as something is so."""
    with begun(*command, **given) as process:

        async def reached() -> bool:
            assert process.poll() is None, f"it has ended before it could be killed: {process.communicate()[1]}"
            return when()

        await until(reached, "it goes on", SLOW)
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.communicate, timeout=SECONDS)
    assert process.returncode == -signal.SIGKILL


def done_in(state: Path, key: Callable[[Json], int]) -> int:
    return key(json.loads(state.read_text())) if state.exists() else 0


def records_done(state: Path) -> int:
    return done_in(state, lambda reached: sum(reached["counts"].values()))


def leads_done(state: Path) -> int:
    return done_in(state, lambda reached: int(reached["leads"]))


async def killed_twice(command: list[str], progress: Callable[[], int], **given: str) -> None:
    for _ in range(2):
        before = progress()
        await killed(command, lambda before=before: progress() > before + STEP, **given)  # type: ignore[misc]


@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_leads_are_equal_field_by_field_though_import_and_export_are_killed_twice(
    databases: list[dict[str, str]], tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.wire.process.SECONDS", SLOW)
    first, second = databases
    await with_colours(first, second, folder=tmp_path)
    sent = list(bodies(ALL))
    file = tmp_path / "sent.ndjson"
    written(file, *(json.dumps(body) for body in sent))
    state = tmp_path / "sent.ndjson.import-state"

    await killed_twice(["import", str(file)], lambda: records_done(state), **first)
    told = await imported(first, str(file))

    assert told["read"] == ALL
    assert told["created"] + told["present"] == ALL
    assert not state.exists()

    out = tmp_path / f"all.{form}"
    state = tmp_path / f"all.{form}.export-state"
    await killed_twice(["export", str(out)], lambda: leads_done(state), **first)
    await leads("export", str(out), **first)
    if form == "ndjson":
        shown = read(out)
        assert [lead["id"] for lead in shown] == sorted(lead["id"] for lead in shown)
        by_id = {lead["external_id"]: as_body(lead) for lead in shown}
        assert by_id == {body["lead_external_id"]: body for body in sent}
        assert len(shown) == ALL

    told = await imported(second, str(out))
    again = await exported(tmp_path / "again.ndjson", **second)

    assert told["created"] == ALL
    assert {lead["external_id"]: as_body(lead) for lead in again} == {body["lead_external_id"]: body for body in sent}
    assert files_in(tmp_path) == sorted(["sent.ndjson", out.name, "again.ndjson"])


async def test_what_is_imported_twice_is_there_once(given: dict[str, str], tmp_path: Path) -> None:
    file = written(tmp_path / "leads.csv", "lead_title,lead_email", "Acme,a@b.example", "Blue,", "Acme,a@b.example")

    first, second = await imported(given, file), await imported(given, file)
    written(tmp_path / "leads.csv", "lead_email,lead_title", ",Blue", ",Green", "a@b.example,Acme")
    third = await imported(given, file)

    assert (first["created"], first["present"]) == (2, 1)
    assert (second["created"], second["present"]) == (0, 3)
    assert (third["created"], third["present"]) == (1, 2)
    assert len(await exported(tmp_path / "all.ndjson", **given)) == 3


async def test_refused_records_are_reported_with_all_reasons_and_can_be_corrected(
    given: dict[str, str], tmp_path: Path, service: Service
) -> None:
    bad = {"lead_title": "x" * 251, "lead_status": "99", "lead_email": "bad", "lead_categoryid": 3}
    answer = await service.http.post("/api/leads", json=bad, headers={"Authorization": f"Bearer {KEY}"})
    reasons = " ".join(text for texts in answer.json()["errors"].values() for text in texts)
    file = tmp_path / "leads.csv"
    written(
        file, "lead_title,lead_status,lead_email", "Acme,1,a@b.example", f"{'x' * 251},99,bad", "Blue,New,", "Short,1"
    )

    told = await imported(given, str(file), status=1)
    done = await leads("import", str(file), **given)

    report = tmp_path / "leads.csv.refused.csv"
    assert (told["created"], told["refused"], told["report"]) == (2, 2, str(report))
    assert done.stderr.splitlines()[-1] == f"leads: 2 of 4 records were refused: {report} has them with the reasons."
    rows = list(csv.reader(report.read_text().splitlines()))
    assert rows[0] == ["refused_line", "refused_reason", "lead_title", "lead_status", "lead_email"]
    assert rows[1] == ["3", reasons, "x" * 251, "99", "bad"]
    assert rows[2] == ["5", "has 2 values, but the header has 3 columns", "Short", "1"]

    report.write_text(
        report.read_text().replace("x" * 251, "Xenia").replace("99,bad", "3,x@b.example").replace("Short,1", "Short,1,")
    )
    assert (await imported(given, str(report)))["created"] == 2


@pytest.mark.parametrize("moved", [True, False])
async def test_an_import_goes_on_though_its_report_was_moved_or_cut(
    given: dict[str, str], tmp_path: Path, database: Database, moved: bool
) -> None:
    file = tmp_path / "leads.ndjson"
    written(file, *(json.dumps({"lead_title": "" if n % 200 == 7 else f"{n}"}) for n in range(MANY)))
    report, state = tmp_path / "leads.ndjson.refused.csv", tmp_path / "leads.ndjson.import-state"

    await killed(["import", str(file)], lambda: records_done(state) > 0, **given)
    if moved:
        report.rename(tmp_path / "mine.csv")
    else:
        report.write_text("mine\n")  # shorter than what it had
    done = await leads("import", str(file), **given)

    begun_again, rows = tmp_path / ("mine.csv" if moved else "none"), list(csv.reader(report.read_text().splitlines()))
    lines = {row[0] for row in rows if len(row) > 1}
    if moved:
        assert rows[0] == ["refused_line", "refused_reason", "record"]
        lines |= {row[0] for row in csv.reader(begun_again.read_text().splitlines())}
        assert lines == {"refused_line"} | {str(n + 1) for n in range(MANY) if n % 200 == 7}
    else:
        assert rows[0] == ["mine"]
        assert len(rows) > 1
    assert f"{report} was moved or changed" in done.stderr
    assert "Traceback" not in done.stderr
    # A batch that was written but not yet noted when it was killed is already there.
    counts = [int(number) for number in re.findall(r"\d+", done.stdout)]
    assert done.stdout.startswith(f"{MANY} records: ")
    assert (counts[1] + counts[3], counts[2], counts[4]) == (MANY - 8, 0, 8)
    assert await database["leads"].count_documents({}) == MANY - 8
    assert not state.exists()


async def test_a_dry_run_tells_the_same_and_writes_nothing(
    given: dict[str, str], tmp_path: Path, database: Database
) -> None:
    file = written(tmp_path / "leads.csv", "lead_title,lead_email", "Acme,a@b.example", "Blue,bad")

    told = await imported(given, file, "--dry-run", status=1)
    dry = (tmp_path / "leads.csv.refused.csv").read_text()

    assert (told["dry_run"], told["created"], told["refused"]) == (True, 1, 1)
    assert await database["leads"].count_documents({}) == 0
    await imported(given, file, status=1)
    assert (tmp_path / "leads.csv.refused.csv").read_text() == dry


async def test_an_update_changes_what_the_record_has_and_keeps_the_rest(
    given: dict[str, str], tmp_path: Path, service: Service
) -> None:
    file = tmp_path / "leads.csv"
    written(file, "lead_external_id,lead_title,lead_status,lead_phone,lead_source", "1,Acme,3,123,Web")
    await imported(given, str(file))
    (lead,) = (await service.api.get("/api/leads")).json()["data"]
    await service.api.put(f"/api/leads/{lead['id']}/tags", {"tags": ["priority"]})
    written(file, "lead_external_id,lead_source,lead_phone", "1,Fair,", "2,Fair,")

    skipped = await imported(given, str(file), status=1)
    unchanged = (await service.api.get(f"/api/leads/{lead['id']}")).json()["data"]
    told = await imported(given, str(file), "--on-existing", "update", status=1)
    after = (await service.api.get(f"/api/leads/{lead['id']}")).json()["data"]

    assert (skipped["present"], skipped["refused"]) == (1, 1)  # a new lead needs a title
    assert unchanged["source"] == "Web"
    assert (told["updated"], told["refused"]) == (1, 1)
    assert (after["title"], after["status"]["id"], after["source"]) == ("Acme", 3, "Fair")
    assert (after["contact"]["phone"], after["tags"]) == (None, ["priority"])


async def test_of_two_records_with_one_new_external_id_the_second_changes_the_lead_of_the_first(
    given: dict[str, str], tmp_path: Path
) -> None:
    file = written(
        tmp_path / "leads.csv",
        "lead_external_id,lead_title,lead_status,lead_phone",
        "crm-1,Acme,3,123",
        "crm-1,,,456",
        "crm-2,Globex,99,",  # it is refused, so the next one makes the lead
        "crm-2,Globex,,",
    )

    told = await imported(given, file, "--on-existing", "update", status=1)
    acme, globex = await exported(tmp_path / "all.ndjson", **given)

    assert (told["created"], told["updated"], told["refused"]) == (2, 1, 1)
    assert (acme["title"], acme["status"]["id"], acme["contact"]["phone"], acme["version"]) == ("Acme", 3, "456", 2)
    assert (globex["external_id"], globex["status"]["id"], globex["version"]) == ("crm-2", 1, 1)


@pytest.mark.parametrize(("on_existing", "winner"), [("skip", "first"), ("update", "last")])
async def test_records_with_one_external_id_count_in_their_order_also_in_other_batches(
    given: dict[str, str], tmp_path: Path, on_existing: str, winner: str
) -> None:
    # A batch of large leads beside one of a single lead, which would be written before it.
    large = [{"lead_title": "first", "lead_external_id": "crm-1", "lead_description": "x" * 5000}] + [
        {"lead_title": f"{n}", "lead_description": "x" * 5000} for n in range(99)
    ]
    last = {"lead_title": "last", "lead_external_id": "crm-1"}
    file = written(tmp_path / "leads.ndjson", *(json.dumps(body) for body in [*large, last]))

    told = await imported(given, file, "--on-existing", on_existing)
    leads_ = {lead["external_id"]: lead["title"] for lead in await exported(tmp_path / "all.ndjson", **given)}

    assert (told["created"], told["updated"] + told["present"]) == (100, 1)
    assert leads_["crm-1"] == winner


async def test_an_update_that_is_killed_twice_ends_with_the_last_record_of_each_external_id(
    databases: list[dict[str, str]], tmp_path: Path
) -> None:
    given, _ = databases
    await with_colours(given, folder=tmp_path)
    sent = [body | {"lead_external_id": f"crm-{n % 70}"} for n, body in enumerate(bodies(MANY // 2))]
    file = written(tmp_path / "sent.ndjson", *(json.dumps(body) for body in sent))
    state = tmp_path / "sent.ndjson.import-state"
    command = ["import", file, "--on-existing", "update"]

    await killed_twice(command, lambda: records_done(state), **given)
    told = await imported(given, *command[1:])
    shown = await exported(tmp_path / "all.ndjson", **given)

    assert (told["read"], told["created"] + told["updated"], told["refused"]) == (len(sent), len(sent), 0)
    assert len(shown) == 70
    assert {lead["external_id"]: as_body(lead) for lead in shown} == {body["lead_external_id"]: body for body in sent}


async def test_a_record_with_a_blank_external_id_makes_one_lead_too(given: dict[str, str], tmp_path: Path) -> None:
    file = written(tmp_path / "leads.csv", "lead_external_id,lead_title,lead_status", "  ,Acme, ")

    first, second = await imported(given, file), await imported(given, file)

    assert (first["created"], second["created"], second["present"]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("lead_title,lead_emial", "the column lead_emial is no field of leads. Did you mean lead_email?"),
        ("lead_title,lead_title", "the header has the column lead_title twice."),
    ],
)
async def test_a_column_that_is_not_known_is_refused_before_anything_is_written(
    given: dict[str, str], tmp_path: Path, database: Database, header: str, told: str
) -> None:
    done = await leads("import", written(tmp_path / "leads.csv", header, "Acme,a"), **given)

    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr.splitlines()[-1]
    assert await database["leads"].count_documents({}) == 0


async def test_standard_input_and_output_are_files_too(given: dict[str, str], tmp_path: Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [
            "/bin/sh",
            "-c",
            "printf 'lead_title;lead_phone\\r\\nAcme;=1\\r\\n' | leads import - && leads export --format csv",
        ],
        env=_environment(given),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told, *rows = done.stdout.splitlines()
    assert told == "1 records: 1 created, 0 changed, 0 already there, 0 refused."
    head, row = csv.reader(rows)
    lead = dict(zip(head, row, strict=True))
    assert (lead["lead_title"], lead["lead_phone"], lead["status"]) == ("Acme", "'=1", "New")
    assert files_in(tmp_path) == []


def _environment(given: dict[str, str]) -> dict[str, str]:
    from tests.wire.process import _LEADS, environment  # noqa: PLC0415 - the path of the command under test

    found = environment(given)
    return found | {"PATH": f"{Path(_LEADS).parent}:{found['PATH']}"}


async def test_the_samples_of_other_systems_are_imported_without_a_mapping(
    given: dict[str, str], tmp_path: Path
) -> None:
    outcomes: dict[str, Any] = {}
    for name, options in (
        ("hubspot", []),
        ("pipedrive", []),
        ("salesforce", []),
        ("leads", ["--map", str(SAMPLES / "mapping.toml")]),
    ):
        file = tmp_path / f"{name}.csv"
        file.write_bytes((SAMPLES / f"{name}.csv").read_bytes())
        told = await imported(given, str(file), *options)
        outcomes[name] = (told["created"], told["refused"])

    shown = {lead["external_id"]: lead for lead in await exported(tmp_path / "all.ndjson", **given)}

    assert outcomes == {"hubspot": (3, 0), "pipedrive": (2, 0), "salesforce": (2, 0), "leads": (2, 0)}
    hubspot, pipedrive = shown["10451"], shown["3f1c2d40-1b7e-11f1-9d2b-0242ac120002"]
    salesforce, mapped = shown["00Q5e00000AbCdEEAV"], shown["K-1002"]
    assert (hubspot["title"], hubspot["status"]["title"], hubspot["last_contacted"]) == (
        "Acme Inc - Jane Doe", "New", "2026-06-15"
    )  # fmt: skip
    assert (pipedrive["title"], pipedrive["value"], pipedrive["contact"]["last_name"]) == (
        "Acme - new website", "2500.00", "Doe"
    )  # fmt: skip
    assert (salesforce["contact"]["job_position"], salesforce["address"]["street"]) == (
        "CTO",
        "Main Street 1\n2nd floor",
    )
    assert (mapped["status"]["title"], mapped["source"], mapped["contact"]["last_name"]) == (
        "Contacted", "Trade fair", "Kim"
    )  # fmt: skip


async def test_an_update_keeps_what_somebody_else_has_just_made(
    given: dict[str, str], database: Database, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await service.api.lead(lead_external_id="1", lead_title="Acme", lead_status=3)

    async def looked_before(*_: object) -> set[str]:
        return set()

    monkeypatch.setattr(Writer, "_there", looked_before)
    settings = Settings(mongodb_uri=given["LEADS_MONGODB_URI"], mongodb_database=database.name)
    body = Body(
        {"lead_external_id": "1", "lead_source": "Fair"}, {"lead_title": "1", "lead_status": 1, "lead_categoryid": 3}
    )
    async with Writer.on(database, settings, 1) as writer:
        (outcome,) = await writer.write([body], "update")

    after = await service.api.shown(made["id"])
    assert outcome.kind == "updated"
    assert (after["title"], after["status"]["id"], after["source"]) == ("Acme", 3, "Fair")
