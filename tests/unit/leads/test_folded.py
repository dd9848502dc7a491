"""The copies of a lead's texts that queries use."""

from leads_api.leads.folded import folded


def test_a_title_of_accents_only_has_a_key_that_a_cursor_can_stand_behind() -> None:
    assert folded({"title": "\u0301"}) == {"folded.title": "\u0301"}
