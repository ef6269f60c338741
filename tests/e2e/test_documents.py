"""The documents on a whole stack: foreign HTTP clients, the lines of the README, and one request per tick."""

import asyncio
import csv
import io
import json
import os
import random
import re
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import yarl

from shared.documents.paths import FIXED
from shared.documents.queries import PARAMETERS
from shared.model.assets import catalogue
from shared.model.wire import loads
from tests.e2e.clients import opened
from tests.e2e.local_stack import ROOT, SESSION, Stack
from tests.schemas import check
from tools.browser import CHROMIUM, NO_CHROMIUM
from tools.documents import python_of_readers

NODE = Path(sys.executable).parent / "node"
README = (ROOT / "README.md").read_text(encoding="utf-8").split("\n### Without a socket\n")[1].split("\n### ")[0]
READERS, READ_S = 200, int(os.environ.get("CADFEED_READ_SECONDS", "5"))
HOSTILE = int(os.environ.get("CADFEED_HOSTILE_QUERIES", "300"))


def get(stack: Stack, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{stack.dashboard}{path}", headers=headers, verify=stack.ca, timeout=20)


def line(stack: Stack, beginning: str) -> str:
    """Return a line of the README's section, for this stack."""
    (found,) = re.findall(rf"^{re.escape(beginning)}.*$", README, re.MULTILINE)
    return str(found).replace("https://localhost:8000/", stack.dashboard).replace(".local/tls/ca.pem", stack.ca)


def shell(command: str, folder: Path) -> str:
    ran = subprocess.run(
        ["sh", "-c", command], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_the_document_is_what_the_socket_tells(common_stack: Stack) -> None:
    async def run() -> None:
        async with opened(common_stack) as client:
            await client.subscribe("rates_batch")
            await client.until(lambda frame: frame["event"] == "update")
            document = loads((await asyncio.to_thread(get, common_stack, "markets/rates.json")).content)
            check({"channel": "rates_batch", "event": "snapshot", **document})
            await client.until(lambda frame: frame.get("seq", 0) > document["seq"])
            heard = {(quote["symbol"], quote["seq"]): quote for quote in client.heard()}
            told = [quote for quote in document["data"] if (quote["symbol"], quote["seq"]) in heard]
            assert len(told) > 50
            for quote in told:  # whether it is stale is judged by each reader's clock
                assert quote | {"stale": None} == heard[quote["symbol"], quote["seq"]] | {"stale": None}

    asyncio.run(run())


def test_curl_gets_it_compressed(common_stack: Stack, tmp_path: Path) -> None:
    command = line(common_stack, "curl --compressed")
    told = rows(shell(command.replace("curl ", "curl --silent --fail --dump-header headers "), tmp_path))
    assert [row["symbol"] for row in told] == list(catalogue())
    assert re.search(r"^content-encoding: (br|gzip)", (tmp_path / "headers").read_text().lower(), re.MULTILINE)


def test_the_shell_loop_prints_a_price_each_time(common_stack: Stack, tmp_path: Path) -> None:
    command = line(common_stack, "while ").replace("sleep 5", "sleep 0.2")
    told = shell(f"timeout 5 sh -c '{command}' || test $? = 124", tmp_path)
    prices = [loads(each) for each in told.splitlines() if each]
    assert len(prices) > 3
    assert {price["symbol"] for price in prices} == {"BTC_CAD"}


def test_pandas_reads_it_in_one_line(common_stack: Stack, tmp_path: Path) -> None:
    command = line(common_stack, "SSL_CERT_FILE=").replace("python -c", f"{python_of_readers()} -c")
    told = shell(command, tmp_path)
    assert re.search(r"^BTC_CAD +\d+\.\d+", told, re.MULTILINE)
    assert f"Length: {len(catalogue())}" in told or len(told.splitlines()) > len(catalogue())


def test_a_spreadsheet_can_import_it(common_stack: Stack) -> None:
    """IMPORTDATA asks without conditions or compression, follows redirects, and wants CSV in UTF-8."""
    (formula,) = re.findall(r'^=IMPORTDATA\("https://[\w.]+/(.+)"\)$', README, re.MULTILINE)
    answer = get(common_stack, formula, **{"Accept-Encoding": "identity"})
    assert answer.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    told = rows(answer.content.decode())
    assert all(Decimal(row["bid"]) <= Decimal(row["ask"]) for row in told)
    assert {len(row) for row in told} == {14}


def test_wget_fetches_it_once_and_then_asks_whether_it_changed(common_stack: Stack, tmp_path: Path) -> None:
    wget = f"wget --no-verbose --server-response --timestamping --ca-certificate={common_stack.ca}"
    address = f"{common_stack.dashboard}markets/rates.json"
    statuses = []
    for _ in range(12):
        ran = subprocess.run(
            [*wget.split(), address], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
        statuses += re.findall(r"HTTP/1\.1 (\d+)", ran.stderr)
        assert ran.returncode == 0, ran.stderr
        document = loads((tmp_path / "rates.json").read_bytes())
        assert len(document["data"]) == len(catalogue())
    assert set(statuses) == {"200", "304"}


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_a_page_of_another_origin_may_read_it(common_stack: Stack) -> None:
    ran = subprocess.run(
        [NODE, ROOT / "tests" / "e2e" / "reading_page.mjs", common_stack.dashboard],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told == {"rates": len(catalogue()), "coins": len(catalogue()), "etag": True, "again": 304, "posted": 405}


def test_problems_and_preflights_come_through_the_edge(common_stack: Stack) -> None:
    for path, status, code in (
        ("markets/nothing.json", 404, "not_found"),
        ("markets/rates/XYZ_CAD.json", 404, "unknown_symbol"),
        ("markets/rates.json?symbols=XYZ", 404, "unknown_symbol"),
        ("markets/history/BTC_CAD/1h.json?limit=0", 400, "bad_limit"),
        ("markets/history/BTC_CAD/1M.json", 404, "unknown_interval"),
        ("api/nothing", 404, "not_found"),
    ):
        answer = get(common_stack, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["Content-Type"] == "application/problem+json"
    address = f"{common_stack.dashboard}markets/rates.json"
    posted = requests.post(address, data="x", verify=common_stack.ca, timeout=20)
    assert (posted.status_code, posted.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    head = requests.head(address, verify=common_stack.ca, timeout=20)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) > 1_000 or "Content-Encoding" in head.headers


def test_the_api_itself_refuses_as_the_edge_does(common_stack: Stack) -> None:
    """Its own address is open where no CloudFront stands before it."""
    apis = SESSION.client("apigatewayv2", endpoint_url=common_stack.aws).get_apis()["Items"]
    (api,) = (each["ApiId"] for each in apis if each["ProtocolType"] == "HTTP")
    address = f"{common_stack.aws}/_aws/execute-api/{api}/markets/rates.json"
    assert requests.post(address, timeout=20).json()["code"] == "method_not_allowed"
    assert requests.get(address, timeout=20).headers["Access-Control-Allow-Origin"] == "*"


def test_two_hundred_readers_cost_one_request_per_tick(common_stack: Stack) -> None:
    """Counted at the edge by what it had to fetch, and in the emulator by the runs of the function."""
    paths = ("markets/rates.json", "markets/rates.csv", "api/coins/")
    before = runs(common_stack)

    async def read() -> tuple[Counter[str], int, float]:
        fetched: Counter[str] = Counter()
        read_in_all = 0
        began_s = time.monotonic()
        tls = ssl.create_default_context(cafile=common_stack.ca)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls, limit=0)) as session:

            async def reader(number: int) -> None:
                nonlocal read_in_all
                path = paths[number % len(paths)]
                while time.monotonic() < began_s + READ_S:
                    async with session.get(common_stack.dashboard + path) as answer:
                        assert answer.status == 200
                        await answer.read()
                        read_in_all += 1
                        fetched[path] += answer.headers["X-Cache"].startswith("Miss")
                    await asyncio.sleep(0.5)

            await asyncio.gather(*map(reader, range(READERS)))
        return fetched, read_in_all, time.monotonic() - began_s

    fetched, read_in_all, took_s = asyncio.run(read())
    print(f"{read_in_all} readings in {took_s:.1f} s: {dict(fetched)} fetched")
    assert read_in_all >= READERS
    assert fetched.keys() == set(paths)
    assert max(fetched.values()) <= took_s + 2  # the tick is a second
    assert sum(fetched.values()) >= runs(common_stack) - before


def hostile_addresses(seed: int) -> Iterator[str]:
    """Yield paths and queries like those of people who look for holes, as they go over the wire."""
    draw = random.Random(seed)
    paths = [
        *FIXED,
        "/markets/rates/BTC_CAD.json",
        "/markets/history/BTC_CAD/1h.json",
        "/markets/history/SHIB_CAD/1m.csv",
    ]
    texts = [
        "BTC_CAD",
        "btc_cad",
        "0",
        "-1",
        "1e9",
        "9" * 400,
        "%00",
        "%ff%fe",
        "%F0%9F%92%A9",
        "..%2f..",
        "%22%3E",
        "a" * 3_000,
    ]
    texts += [",".join(catalogue()), "BTC_CAD,BTC_CAD", "null", "", "%27%20OR%201=1", "%0d%0aX-A:%20b", "%u0041"]
    while True:
        path = draw.choice(paths)
        if draw.random() < 0.3:
            place = draw.randrange(1, len(path))
            path = path[:place] + draw.choice(texts) + path[place + draw.randrange(3) :]
        fields = [
            f"{draw.choice([*PARAMETERS, 'x', '%00'])}={draw.choice(texts)}"
            for _ in range(draw.choice([0, 1, 1, 2, 120]))
        ]
        yield path + ("?" + "&".join(fields) if fields else "")


def test_no_query_makes_it_fail(common_stack: Stack) -> None:
    """A wrong request is the reader's fault, and a late feed is not one here."""

    async def read() -> Counter[int]:
        statuses: Counter[int] = Counter()
        addresses = hostile_addresses(seed=1)
        tls = ssl.create_default_context(cafile=common_stack.ca)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:

            async def reader() -> None:
                while statuses.total() < HOSTILE:
                    address = common_stack.dashboard.rstrip("/") + next(addresses)
                    async with session.get(yarl.URL(address, encoded=True)) as answer:
                        await answer.read()
                        statuses[answer.status] += 1
                        assert answer.status < 500, (address, await answer.text())

            await asyncio.gather(*(reader() for _ in range(8)))
        return statuses

    statuses = asyncio.run(read())
    print(f"{statuses.total()} hostile requests: {dict(sorted(statuses.items()))}")
    assert statuses.keys() >= {200, 400, 404}


def runs(stack: Stack) -> int:
    """Return how often the emulator has run the function of the documents, by its own log."""
    client = SESSION.client("logs", endpoint_url=stack.aws)
    (group,) = (
        each["logGroupName"]
        for each in client.describe_log_groups()["logGroups"]
        if "DocumentsLogs" in each["logGroupName"]
    )
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=group)
    return sum(event["message"].startswith("START") for page in pages for event in page["events"])


def until(probe: Callable[[], Any], timeout_s: float = 60) -> Any:
    """Return the first true value of a probe."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := probe()):
        assert time.monotonic() < deadline_s, "it never came"
        time.sleep(0.3)
    return found
