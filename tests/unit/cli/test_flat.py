"""Cells of an export, which no spreadsheet takes for a formula (docs/import.md)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads_api.cli.transfer.flat import as_written, harmless, listed


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+A1", "'-2+3+A1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("'=1", "''=1"),
        ("+49 (30) 1234-5", "+49 (30) 1234-5"),
        ("-2.50", "-2.50"),
        ("Acme = us", "Acme = us"),
        ("'quoted'", "'quoted'"),
        ("", ""),
    ],
)
def test_what_a_spreadsheet_could_take_for_a_formula_has_an_apostrophe(value: str, cell: str) -> None:
    assert harmless(value) == cell


@given(st.text(alphabet="'=+-@\t\rA1 .", max_size=6))
def test_an_import_reads_what_was_exported(value: str) -> None:
    assert as_written(harmless(value)) == value


@pytest.mark.parametrize(
    ("items", "cell"),
    [([], ""), (["a", "b c"], "a, b c"), (["a,b", "c"], '["a,b", "c"]'), (["[a]"], '["[a]"]')],
)
def test_a_list_is_one_cell(items: list[str], cell: str) -> None:
    assert listed(items) == cell
