"""The examples of docs/events.md run as printed there."""

import asyncio
import re
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from leads_api.events.model import EventType
from tests.client import KEY
from tests.programs import program
from tests.wire.events.feed import followed
from tests.wire.process import running
from tests.wire.test_readme import matches, run

PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text()


async def test_the_examples_answer_as_printed_and_the_program_follows(tmp_path: Path) -> None:
    program("curl")
    commands = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
    key, create, read = re.split(r"(?m)^(?=curl)", commands)
    created, listed = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert KEY in key
    async with running(tmp_path) as service:
        create, read = (key + each.replace("http://127.0.0.1:8000", service.url) for each in (create, read))
        assert matches(created, await run("bash", "-ec", create, cwd=tmp_path))
        await followed(service.api, 1)
        assert matches(listed, await run("bash", "-ec", read, cwd=tmp_path))

        names: dict[str, Any] = {}
        exec(code, names)
        following = names["follow"](service.url, KEY)
        first = await asyncio.to_thread(next, following)
        waiting = asyncio.create_task(asyncio.to_thread(lambda: list(islice(following, 2))))
        for _ in range(2):
            await service.api.lead()
        found = [first, *await waiting]

    assert [event["id"] for event in found] == [1, 2, 3]


def test_every_type_of_event_is_named() -> None:
    for kind in get_args(EventType):
        assert f"`{kind}`" in PAGE
