"""DynamoDB's answers to a table's queries, recorded from an emulator once and replayed byte by byte.

An emulator takes seconds for a page of a large table, DynamoDB milliseconds. The bench measures the reader, which
receives the same bytes either way. `python -m tools.bench.table_pages --emulator URL` prints its address as JSON.
"""

import argparse
import asyncio
import json
import re
import signal
import sys
from collections.abc import Mapping

from aiohttp import ClientSession, web

KEPT_HEADERS = ("Content-Type", "x-amz-crc32")


class Pages:
    """A DynamoDB endpoint in front of the emulator's. It records queries and forwards all else."""

    def __init__(self, emulator: str, session: ClientSession) -> None:
        self._emulator = emulator
        self._session = session
        self._kept: dict[bytes, tuple[bytes, dict[str, str]]] = {}

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        found = self._kept.get(body)
        if found is None:
            async with self._session.post(self._emulator, data=body, headers=_as_root(request.headers)) as passed:
                found = await passed.read(), {k: passed.headers[k] for k in KEPT_HEADERS if k in passed.headers}
                if passed.status != 200:
                    return web.Response(status=passed.status, body=found[0], headers=found[1])
            if request.headers.get("X-Amz-Target", "").endswith(".Query"):
                self._kept[body] = found
        return web.Response(body=found[0], headers=found[1])


def _as_root(headers: Mapping[str, str]) -> dict[str, str]:
    """Sign as the emulator's root: it checks the key's name and not the signature."""
    passed = {name: headers[name] for name in ("Content-Type", "X-Amz-Target", "X-Amz-Date")}
    return passed | {"Authorization": re.sub("Credential=[^/]+", "Credential=test", headers["Authorization"])}


async def _serve(emulator: str) -> None:
    async with ClientSession(auto_decompress=False) as session:
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/", Pages(emulator, session).answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}) + "\n")
        sys.stdout.flush()
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        loop.add_reader(sys.stdin.fileno(), ended.set)  # it ends when the program at the other end does
        await ended.wait()
        await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.bench.table_pages", description=__doc__)
    parser.add_argument("--emulator", required=True)
    asyncio.run(_serve(parser.parse_args().emulator))
