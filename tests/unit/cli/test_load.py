"""What `leads bench` knows of the leads that it has created."""

import asyncio

from leads_api.cli.load import Load, Operation


async def test_a_lead_may_be_left_by_each_create_that_has_no_answer() -> None:
    received = 0

    async def lose(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        await reader.readuntil(b"\r\n\r\n")
        received += 1
        writer.close()

    server = await asyncio.start_server(lose, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    load = Load(f"http://{host}:{port}", "key", connections=2, seconds=0.01)
    for operation in (Operation("get a lead", "GET", "/api/leads/1"), Operation("create a lead", "POST", "/api/leads")):
        received = 0
        await load.measure(operation, lambda _: None)
    server.close()

    assert load.most_left == received > 0
