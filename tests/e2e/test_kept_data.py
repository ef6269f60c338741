"""A protected stack is saved and destroyed; its table stays, and a new stack goes on with it."""

import asyncio
import os
import pty
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from cadfeed_client import Feed, HistoryRequest
from shared.store.candle_blocks_table import CandleBlocksTable
from tests.e2e.local_stack import ROOT, SESSION
from tests.e2e.upgrade import MIDNIGHT_MS, SYMBOL, Emulated, candles, day_candle, until, write_candles
from tools.backup.candles import candles_of
from tools.local.aws import client_environment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

FIRST, NEXT = "First", "Next"
DAY_MS = 86_400_000


def run(emulated: Emulated, *command: str, said: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a command of the project against the emulator, at a terminal that says something."""
    person, terminal = pty.openpty()
    try:
        os.write(person, said.encode())
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=client_environment(emulated.endpoint),
            stdin=terminal,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        os.close(person)
        os.close(terminal)


def test_a_table_outlives_its_stack_and_a_new_one_takes_it(tmp_path: Path) -> None:
    asyncio.run(outlives(tmp_path))


async def outlives(state: Path) -> None:
    async with Emulated(state, tick=1) as emulated:
        kept = {"retain_data": "true", "direct": "true"}
        await emulated.deploy(await emulated.synthesise(ROOT, "first", stack_name=FIRST, **kept))
        table, backup = emulated.table(), state / "backup.jsonl.gz"
        write_candles(table)
        past = [replace(day_candle(), open_ms=MIDNIGHT_MS - days * DAY_MS, ticks=0) for days in range(1, 4)]
        CandleBlocksTable(table).add(SYMBOL, "1d", past)
        saved = await asyncio.to_thread(run, emulated, "tools.backup", "save", f"--stack={FIRST}", f"--file={backup}")
        assert "own and 3 past candles to" in saved.stderr, saved
        await asyncio.to_thread(destroyed, emulated, table)
        left = candles(table)

        assembly = await emulated.synthesise(ROOT, "next", stack_name=NEXT, quotes_table_name=table.name, direct="true")
        await emulated.deploy(assembly)
        await hears_and_has_the_past(emulated)
        assert left.items() <= candles(table).items()
        await asyncio.to_thread(restored, emulated, table, backup)


def destroyed(emulated: Emulated, table: "Table") -> None:
    """The stack's protection is named; once it is lifted, the stack goes and the protected table stays."""
    refused = run(emulated, "tools.destroy", f"--stack={FIRST}", said="y\n")
    assert refused.returncode == 1
    assert f"--no-enable-termination-protection --stack-name {FIRST}" in refused.stderr
    cloudformation = SESSION.client("cloudformation", endpoint_url=emulated.endpoint)
    cloudformation.update_termination_protection(EnableTerminationProtection=False, StackName=FIRST)
    connections = emulated.physical("StorageConnections")

    unwanted = run(emulated, "tools.destroy", f"--stack={FIRST}", said="n\n")
    assert unwanted.returncode == 1
    assert cloudformation.describe_stacks(StackName=FIRST)["Stacks"]
    done = run(emulated, "tools.destroy", f"--stack={FIRST}", said="y\n")
    assert done.returncode == 0, done.stdout + done.stderr
    told, _, after = done.stderr.partition(f"{FIRST} is gone")
    for text in (told, after):
        assert (
            f"leaves   the table {table.name}; a new stack goes on with it: -c quotes_table_name={table.name}" in text
        )
        assert f"aws dynamodb delete-table --table-name {table.name}" in text
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName=FIRST)
    with pytest.raises(ClientError, match="protect"):
        table.delete()
    client = SESSION.client("dynamodb", endpoint_url=emulated.endpoint)
    assert client.list_tables()["TableNames"] == [table.name]
    assert connections != table.name


async def hears_and_has_the_past(emulated: Emulated) -> None:
    assert emulated.deployed
    seqs: set[int] = set()
    async with Feed(emulated.deployed.socket_url, on_heard=lambda _: seqs.add(feed.book.seq), max_size=None) as feed:
        await until(lambda: len(seqs) > 3, 60)
        history = await feed.request(HistoryRequest(SYMBOL, "1d", 10))
        days = [(candle.open_ms, candle.close) for candle in history.candles]
    assert [open_ms for open_ms, _ in days[-4:]] == [MIDNIGHT_MS - n * DAY_MS for n in (3, 2, 1, 0)]
    assert days[-1][1] == day_candle().close


def restored(emulated: Emulated, table: "Table", backup: Path) -> None:
    """Candles that were deleted come back, and the other ones stay as they are."""
    before = list(candles_of(table, lambda _: None))
    table.delete_item(Key={"pk": f"CANDLE#1d#{SYMBOL}", "sk": f"{MIDNIGHT_MS:013d}"})
    done = run(emulated, "tools.backup", "restore", f"--stack={NEXT}", f"--file={backup}")
    assert "restored 1 own and 0 past candles; " in done.stderr, done
    assert "retain_data=true" not in done.stderr  # it is the default
    after = {
        (each.kind, each.symbol, each.interval, each.candle.open_ms): each for each in candles_of(table, lambda _: None)
    }
    for each in before:
        assert after[each.kind, each.symbol, each.interval, each.candle.open_ms] == each
