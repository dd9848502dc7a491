"""The examples of docs/external-ids.md answer as printed there, in its order, on a fresh database."""

import re
from pathlib import Path

from tests.client import KEY
from tests.programs import program
from tests.wire.process import running
from tests.wire.test_readme import BETWEEN, matches, run

PAGE = (Path(__file__).parents[2] / "docs" / "external-ids.md").read_text()
EXAMPLES = re.findall(r"```sh\n(.*?)```(?:\n```json\n(.*?)```)?", PAGE, re.DOTALL)


async def test_every_curl_line_answers_as_printed(tmp_path: Path) -> None:
    program("curl")
    async with running(tmp_path) as service:
        script = f"\necho; echo '{BETWEEN}'\n".join([f"KEY={KEY}", *(command for command, _ in EXAMPLES)])
        output = await run("bash", "-ec", script.replace("http://127.0.0.1:8000", service.url), cwd=tmp_path)

    _, *answers = output.split(BETWEEN)
    assert len(answers) == len(EXAMPLES) == 8
    for (command, printed), answer in zip(EXAMPLES, answers, strict=True):
        assert matches(printed, answer), f"{command}\nprinted:  {printed}\nanswered: {answer}"
