"""The bodies of errors."""

import json

from bson import Int64

from leads_api.http.envelope import failure_body
from leads_api.leads.convert import AlreadyConverted


def test_an_error_may_name_an_id_of_the_drivers_own_integer_class() -> None:
    body = json.loads(failure_body(AlreadyConverted(Int64(2**40))))

    assert body["client_id"] == 2**40
