"""The image's health check: exit status 0 if the service lives, on the port that its command line says."""

import http.client
import sys
from pathlib import Path


def port() -> int:
    """Return the port of the first process that is `leads serve`; it may have an init before it."""
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda folder: int(folder.name)):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has just ended
            continue
        if "serve" in words:
            for word, following in zip(words, [*words[1:], ""], strict=True):
                if word == "--port":
                    return int(following)
                if word.startswith("--port="):
                    return int(word.removeprefix("--port="))
            return 8000
    sys.exit("leads serve does not run")


link = http.client.HTTPConnection("127.0.0.1", port(), timeout=4)
link.request("GET", "/health/live")
sys.exit(link.getresponse().status != http.HTTPStatus.OK)
