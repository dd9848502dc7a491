"""The soak: a mixed load at 60 % of the peak, then three times the peak; see README.md.

    python -m bench.soak --minutes 15 --server-binary /path/to/a/server

Exits with 1 if the service does not keep what it promises.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import uvloop

from bench.data import CONVERTED_EVERY
from bench.servers import DATA, CannotRun, Server, database, free_port
from bench.soak.client import Client
from bench.soak.mix import Mix
from bench.soak.phases import Answers, closed, opened
from bench.soak.served import INSIDE
from bench.soak.watch import Held, Watch
from bench.target import Target, name_of

STEADY = 0.6
OVERLOAD = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    with database(options.server_binary, None) as (uri, _, name):
        target = Target(uri, name_of(options.leads), options.leads)
        target.prepare(fresh=True)
        key = target.key()
        port, inside = free_port(), DATA / "inside.json"
        server = Server(
            "soak", [sys.executable, "-m", "bench.soak.served", "serve", "--port", str(port)],
            {"LEADS_MONGODB_URI": uri, "LEADS_MONGODB_DATABASE": target.name, INSIDE: str(inside)}, port,
        )
        try:
            server.wait_for_answer(key)
            uvloop.run(run(server, port, key, options, inside))
        finally:
            server.stop()
    return 0


async def run(server, port, key, options, inside):
    client = Client("127.0.0.1", port)
    mix = Mix(key, range(1, options.leads + 1), lambda lead: lead % CONVERTED_EVERY == 0)
    import collections
    def tell(name, a, lo=0.0, hi=1e9):
        c = collections.Counter(); lat = []
        for w, e, s in zip(a.wanted, a.ended, a.statuses):
            if lo <= e < hi:
                c[s] += 1
                if s < 300: lat.append(e - w)
        lat.sort()
        span = min(hi, max(a.ended)) - lo
        good = sum(n for s, n in c.items() if 200 <= s < 300)
        p = lambda q: lat[int(q * (len(lat) - 1))] * 1000 if lat else 0
        print(name, dict(c), "missing", a.missing, f"good/s {good/span:.0f} p50 {p(.5):.0f} p99 {p(.99):.0f} max {p(1):.0f} ms", flush=True)
        return good / span
    await closed(client, mix, at_once=32, seconds=2)
    peak = 0
    for at_once in (32, 128):
        peak = max(peak, tell(f"closed {at_once}", await closed(client, mix, at_once=at_once, seconds=options.peak)))
    a = await opened(client, mix, rate=STEADY * peak, seconds=options.steady)
    tell("steady", a, 1)
    a = await opened(client, mix, rate=OVERLOAD * peak, seconds=options.overload)
    for lo in range(0, int(options.overload) + 6, 1):
        if any(lo <= e < lo + 1 for e in a.ended):
            tell(f"  over {lo}", a, lo, lo + 1)
    g = tell("overload", a, 0, options.overload)
    print("ratio", g / peak)
    a = await opened(client, mix, rate=STEADY * peak, seconds=options.steady)
    tell("recovery", a, 1)
    tell("closed 32", await closed(client, mix, at_once=32, seconds=options.peak))
    client.close()


def _parser():
    p = argparse.ArgumentParser()
    p.add_argument("--server-binary", type=Path)
    p.add_argument("--leads", type=int, default=400)
    p.add_argument("--peak", type=float, default=4)
    p.add_argument("--steady", type=float, default=5)
    p.add_argument("--overload", type=float, default=10)
    return p


if __name__ == "__main__":
    sys.exit(main())
