"""What the headers of conditional requests say (RFC 9110, 8.8.3, 13.1.1 and 13.1.2)."""

from time import process_time

import pytest

from leads_api.http.preconditions import (
    LONGEST,
    MalformedPrecondition,
    accepted_versions,
    entity_tag,
    known_tags,
)

MALFORMED = [
    "", " ", ",", "v7.3", "7", "'v7.3'", '"v7.3', 'v7.3"', '"v7.3" "v8.3"', '"v7.3";"v8.3"', "**", '*, "v7.3"',
    '"v7.3", *', 'w/"v7.3"', 'W/ "v7.3"', "W/*", '"v7\x00.3"', '"v7 .3"', '"v7\x7f.3"', '"v7.3"\n', '""v7.3""',
]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ('"v7.3"', {7}),
        (' \t"v7.3"\t ', {7}),
        ('"v7.3", "v9.12","v11.4"', {7, 9, 11}),
        (', "v7.3" ,, "v9.3",', {7, 9}),
        ('"v7.3", "v7.4"', {7}),
        ('W/"v7.3"', set()),
        ('W/"v7.3", "v8.3"', {8}),
        ('"v7"', set()),
        ('"7.3"', set()),
        ('"v7.3-gzip"', set()),
        ('"v7.3.4"', set()),
        ('"v07.3"', set()),
        ('"v0.3"', set()),
        ('"v-7.3"', set()),
        ('"V7.3"', set()),
        ('"v٧.3"'.encode().decode("latin-1"), set()),
        ('"v7.\xb3"', set()),
        ('""', set()),
        ('"a,b", "v7.3"', {7}),
        ('"W/", "v7.3"', {7}),
        ('"v999999999999999999.999999999999999999"', {10**18 - 1}),
        (f'"v{10**18}.3"', set()),
        (f'"v7.{10**18}"', set()),
    ],
)
def test_if_match_accepts_the_versions_of_strong_tags_that_the_service_makes(header: str, versions: set[int]) -> None:
    assert accepted_versions(header) == frozenset(versions)


@pytest.mark.parametrize("header", ["*", " * ", "\t*"])
def test_a_star_accepts_every_version_and_knows_every_response(header: str) -> None:
    assert accepted_versions(header) is None
    assert known_tags(header) is None


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ('"v7.3"', {'"v7.3"'}),
        ('W/"v7.3"', {'"v7.3"'}),
        ('"x", W/"v7.3",, "v7.4"', {'"x"', '"v7.3"', '"v7.4"'}),
        ('"W/"', {'"W/"'}),
    ],
)
def test_if_none_match_compares_tags_without_their_marks_of_weakness(header: str, tags: set[str]) -> None:
    assert known_tags(header) == tags


@pytest.mark.parametrize("header", MALFORMED)
def test_what_is_no_list_of_tags_is_refused(header: str) -> None:
    with pytest.raises(MalformedPrecondition) as first:
        accepted_versions(header)
    with pytest.raises(MalformedPrecondition) as second:
        known_tags(header)

    assert first.value.status == second.value.status == 400
    assert 'The If-Match header must be *, or entity tags like "v7.3"' in first.value.message
    assert 'The If-None-Match header must be *, or entity tags like "v7.3"' in second.value.message


def test_a_header_is_bounded_in_length_and_read_in_no_time() -> None:
    tag = '"v7.3"'
    longest = ", ".join([tag] * (LONGEST // 8)).ljust(LONGEST, ",")
    began = process_time()

    assert accepted_versions(longest) == frozenset({7})
    for hostile in (f"{longest},", tag + " ," * LONGEST + "x", ", " * LONGEST, '"' * LONGEST, f"{tag} " * LONGEST):
        with pytest.raises(MalformedPrecondition):
            accepted_versions(hostile)
    for hostile in (tag + " ," * (LONGEST // 2 - 8) + "x", ", " * (LONGEST // 2), '"' * LONGEST, f"{tag}," * 500 + "x"):
        with pytest.raises(MalformedPrecondition):
            accepted_versions(hostile)

    assert process_time() - began < 1


def test_the_tag_of_a_version_is_accepted_as_that_version() -> None:
    assert entity_tag(7, 3) == '"v7.3"'
    assert accepted_versions(entity_tag(7, 2**40)) == frozenset({7})
