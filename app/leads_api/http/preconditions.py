"""Conditional requests: entity tags, `If-Match` and `If-None-Match` (RFC 9110, 8.8.3 and 13.1).

An entity tag is `"v7.3"`: the version of the record, and the revision of the settings that the response shows.
`If-Match` looks at the version only, because a renamed status does not change the record. `If-None-Match` looks at
both, because it does change the response.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from leads_api.errors import BadRequest

LONGEST = 4096
"""Characters of a header. What is longer cannot be a list of tags that this service has sent to one caller."""

IF_MATCH = "If-Match"
IF_NONE_MATCH = "If-None-Match"

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_ONE = re.compile(_TAG)
_OWN = re.compile(r'"v([1-9][0-9]{0,17})\.[0-9]{1,18}"', re.ASCII)


Tags = Collection[str] | None
"""Entity tags; None stands for any."""


class MalformedPrecondition(BadRequest):
    """The header is no list of entity tags. To ignore it would be to write without the condition."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f'The {name} header must be *, or entity tags like "v7.3" with their quotes, separated by commas,'
            f" of at most {LONGEST} characters."
        )


class Existence(NamedTuple):
    """Whether a change needs a record that is there (`If-Match`), or that is not (`If-None-Match: *`)."""

    required: bool = False
    excluded: bool = False


def entity_tag(version: int, revision: int) -> str:
    """Return the entity tag of a record in a version, shown with the settings of a revision."""
    return f'"v{version}.{revision}"'


def accepted_versions(if_match: str) -> frozenset[int] | None:
    """Return the versions that an `If-Match` header names; None for `*`. Raises MalformedPrecondition.

    Weak tags name none (strong comparison), and neither do tags that this service has not made.
    """
    tags = _entity_tags(IF_MATCH, if_match)
    return None if tags is None else frozenset(int(own[1]) for tag in tags if (own := _OWN.fullmatch(tag)))


def known_tags(if_none_match: str) -> Tags:
    """Return the tags of an `If-None-Match` header, without marks of weakness (weak comparison); None for `*`.

    Raises MalformedPrecondition.
    """
    tags = _entity_tags(IF_NONE_MATCH, if_none_match)
    return None if tags is None else {tag.removeprefix("W/") for tag in tags}


def existence(if_match: str | None, if_none_match: str | None) -> Existence:
    """Return what the headers of a change say about whether the record is there; None is one that was not sent.

    `If-None-Match` must be `*`: entity tags would mean "unless it has one of these", which nobody needs. Raises
    BadRequest.
    """
    if if_none_match is not None and if_none_match.strip(" \t") != "*":
        raise BadRequest("The If-None-Match header of a change must be *, which means: only if there is no record yet.")
    return Existence(required=if_match is not None, excluded=if_none_match is not None)


def _entity_tags(name: str, text: str) -> list[str] | None:
    text = text.strip(" \t")
    if text == "*":
        return None
    if len(text) > LONGEST or not _TAGS.fullmatch(text):
        raise MalformedPrecondition(name)
    return _ONE.findall(text)
