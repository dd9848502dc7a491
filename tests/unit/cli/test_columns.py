"""Which column is which field, and what a record becomes (docs/import.md)."""

import re
from pathlib import Path
from typing import Any

import pytest

from leads_api.catalog.cache import Snapshot, Titles
from leads_api.cli.connection import Refused
from leads_api.cli.transfer.columns import Body, Columns, MappingFile, read_mapping
from leads_api.cli.transfer.records import Record
from leads_api.cli.transfer.vendors import VENDORS, Vendor

DOCS = Path(__file__).parents[3] / "docs"
SETTINGS = Snapshot(
    revision=1,
    statuses=Titles(
        {
            1: {"title": "New", "deleted": False},
            5: {"title": "Contacted", "deleted": False},
            9: {"title": "Gone", "deleted": True},
        }
    ),
    categories=Titles(
        {
            2: {"name": "Default", "type": "client", "deleted": False},
            3: {"name": "Default", "type": "lead", "deleted": False},
        }
    ),
    people=Titles({}),
    custom_fields=[{"_id": 1, "name": "colour"}],
)


def columns(header: str, given: MappingFile | None = None) -> Columns:
    return Columns(header.split(",") if header else [], given, SETTINGS)


def body(header: str, row: str, given: MappingFile | None = None) -> Body:
    values = dict(zip(header.split(","), row.split(","), strict=True))
    return columns(header, given).body(Record(2, values, None, list(values.values())))


def json_body(values: dict[str, Any], given: MappingFile | None = None) -> Body:
    return columns("", given).body(Record(1, values, None, ["{}"]))


def test_columns_are_the_fields_of_requests_and_custom_fields() -> None:
    made = body("lead_title,colour,lead_value", "Acme,red,12")

    assert made.given | {"lead_external_id": ""} == {
        "lead_title": "Acme", "colour": "red", "lead_value": "12", "lead_external_id": ""
    }  # fmt: skip


def test_statuses_and_categories_are_found_by_title_in_any_case() -> None:
    made = body("lead_title,lead_status,lead_categoryid", "Acme, contacted ,DEFAULT")

    assert (made.given["lead_status"], made.given["lead_categoryid"]) == (5, 3)


@pytest.mark.parametrize("status", ["Gone", "Nonsense", "7"])
def test_what_is_no_title_is_left_for_the_checks(status: str) -> None:
    assert body("lead_title,lead_status", f"Acme,{status}").given["lead_status"] == status


def test_a_new_lead_without_status_or_category_gets_the_shipped_ones() -> None:
    made = body("lead_title,lead_status", "Acme,")

    assert made.filled == {"lead_status": 1, "lead_categoryid": 3}
    assert "lead_status" not in made.given


@pytest.mark.parametrize(
    ("header", "row", "title"),
    [
        ("lead_company_name,lead_firstname,lead_lastname", "Acme,Jane,Doe", "Acme - Jane Doe"),
        ("lead_company_name,lead_lastname,lead_title", "Acme,,", "Acme"),
        ("lead_firstname,lead_email", "Jane,j@a.example", "Jane"),
        ("lead_email,lead_phone", "j@a.example,1", "j@a.example"),
        ("name,lead_phone", "Jane van Doe,1", "Jane van Doe"),
    ],
)
def test_a_new_lead_without_a_title_is_called_after_company_and_person(header: str, row: str, title: str) -> None:
    assert body(header, row).filled["lead_title"] == title


def test_a_record_with_nothing_to_be_called_after_has_no_title() -> None:
    assert "lead_title" not in body("lead_title,lead_phone", ",1").filled


@pytest.mark.parametrize(("name", "first", "last"), [("Jane van Doe", "Jane van", "Doe"), ("Doe", "", "Doe")])
def test_of_a_name_in_one_column_the_last_word_is_the_last_name(name: str, first: str, last: str) -> None:
    made = body("name", name).given

    assert (made["lead_firstname"], made["lead_lastname"]) == (first, last)


def test_a_record_is_known_by_its_content_whatever_the_order_of_its_columns() -> None:
    one, other = body("lead_title,lead_phone", "Acme,1"), body("lead_phone,lead_title,lead_zip", "1,Acme,")
    third = body("lead_title,lead_phone", "Acme,2")

    assert re.fullmatch(r"import-[0-9a-f]{32}", one.given["lead_external_id"])
    assert one.given["lead_external_id"] == other.given["lead_external_id"] != third.given["lead_external_id"]


def test_an_external_id_is_kept() -> None:
    assert body("lead_title,lead_external_id", "Acme,7").given["lead_external_id"] == "7"


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("lead_title,lead_emial", "lead_emial is no field of leads. Did you mean lead_email?"),
        ("lead_title,Notes", "Notes is no field of leads. Name the field"),
    ],
)
def test_a_column_that_is_not_known_is_refused(header: str, told: str) -> None:
    with pytest.raises(Refused, match=re.escape(told)):
        columns(header)


def test_the_columns_of_an_export_and_of_a_report_that_cannot_be_imported_are_left_out() -> None:
    left_out = columns("id,refused_line,refused_reason,lead_title,tags,created,version").left_out

    assert left_out == ["id", "refused_line", "refused_reason", "tags", "created", "version"]


def test_a_mapping_names_fields_values_and_defaults() -> None:
    given = MappingFile(
        columns={"Firma": "lead_company_name", "Stand": "lead_status", "Notiz": ""},
        values={"lead_status": {"offen": "New", "Angerufen": 5}},
        defaults={"lead_source": "Fair", "lead_status": "Contacted"},
    )

    made = body("Firma,Stand,Notiz", "Acme,ANGERUFEN,x", given)
    empty = body("Firma,Stand,Notiz", "Acme,,x", given)

    assert made.given["lead_company_name"] == "Acme"
    assert made.given["lead_status"] == 5
    assert made.filled["lead_source"] == "Fair"
    assert empty.filled["lead_status"] == 5
    assert columns("Firma,Stand,Notiz", given).left_out == ["Notiz"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"columns": {"Frima": "lead_title"}}, "the column Frima, which the file does not have. Did you mean Firma?"),
        ({"columns": {"Firma": "lead_titel", "Name": ""}}, "lead_titel, which is no field of leads. Did you mean"),
        ({"columns": {"Firma": "lead_title", "Name": "lead_title"}}, "lead_title for two columns"),
        ({"columns": {"Firma": "", "Name": ""}, "defaults": {"lead_stat": 1}}, "lead_stat, which is no field"),
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused, match=re.escape(told)):
        columns("Firma,Name", MappingFile(**given))


@pytest.mark.parametrize("text", ["[columns", "[column]\n", "[columns]\na = 1\n"])
def test_a_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(text)

    with pytest.raises(Refused, match="no mapping file"):
        read_mapping(str(tmp_path / "mapping.toml"))


def test_objects_are_bodies_of_requests_or_leads_as_they_are_shown() -> None:
    sent = {"lead_title": "Acme", "lead_status": 5, "lead_categoryid": 3, "unknown": 1, "lead_external_id": "7"}
    shown = {
        "id": 59, "title": "Acme", "status": {"id": 5, "title": "x"}, "category": {"id": 3, "name": "y"},
        "contact": {"email": "a@b.example"}, "address": {"zip": "1"}, "custom_fields": {"colour": "red"},
        "external_id": "7", "tags": ["a"],
    }  # fmt: skip

    assert json_body(sent) == Body(sent, {})
    made = json_body(shown).given
    there = {name: value for name, value in made.items() if value is not None}
    assert there == {
        "lead_title": "Acme", "lead_status": 5, "lead_categoryid": 3, "lead_email": "a@b.example", "lead_zip": "1",
        "colour": "red", "lead_external_id": "7",
    }  # fmt: skip


@pytest.mark.parametrize("vendor", VENDORS, ids=[vendor.name for vendor in VENDORS])
def test_the_docs_have_the_columns_of_other_systems(vendor: Vendor) -> None:
    section = (DOCS / "import.md").read_text().partition(f"### {vendor.name}\n")[2].partition("\n#")[0]
    rows = dict(re.findall(r"^\| (.+) \| `?(.+?)`? \|$", section, re.MULTILINE))
    rows = {name: value for name, value in rows.items() if name not in {"Column", "Status"}}

    assert rows == dict(vendor.columns) | dict(vendor.statuses)


@pytest.mark.parametrize("vendor", VENDORS, ids=[vendor.name for vendor in VENDORS])
def test_the_sample_of_a_system_is_recognized(vendor: Vendor) -> None:
    header = (DOCS / "samples" / f"{vendor.name.lower()}.csv").read_text().splitlines()[0]

    found = columns(header)

    assert found.vendor is vendor
    assert "lead_external_id" in found.targets.values()


def test_the_docs_show_the_sample_of_a_mapping() -> None:
    assert f"```toml\n{(DOCS / 'samples' / 'mapping.toml').read_text()}```" in (DOCS / "import.md").read_text()


def test_of_two_columns_for_a_field_the_first_one_counts() -> None:
    found = columns("Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number")

    assert found.targets["Phone Number"] == "lead_phone"
    assert found.left_out == ["Mobile Phone Number"]
