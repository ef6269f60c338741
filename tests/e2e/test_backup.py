"""`make backup` and `make restore` find the local stack that runs."""

import subprocess
import sys
from pathlib import Path

from shared.store.candles_table import CandlesTable
from tests.e2e.local_stack import ROOT, Stack
from tests.e2e.upgrade import SYMBOL, day_candle
from tools.backup.file import OWN, Kept, read, read_header


def run(stack: Stack, *arguments: str) -> str:
    """Run the command and return what it said, its lines as one."""
    command = [sys.executable, "-m", "tools.backup", *arguments, f"--state={stack.state}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return " ".join(done.stderr.split())


def test_the_running_stack_is_saved_and_restored(common_stack: Stack, tmp_path: Path) -> None:
    table, file = common_stack.table("Quotes"), tmp_path / "one.jsonl.gz"
    CandlesTable(table).write([(SYMBOL, "1d", day_candle())])
    assert f"stack {common_stack.stack}, table {table.name} in us-east-1" in run(common_stack, "save", f"--file={file}")
    header = read_header(file)
    assert (header.table, header.settings["tick_seconds"]) == (table.name, 1)
    assert Kept(OWN, SYMBOL, "1d", day_candle()) in list(read(file))
    assert "restored 0 own and 0 past candles" in run(common_stack, "restore", f"--file={file}")
    table.delete_item(Key={"pk": f"CANDLE#1d#{SYMBOL}", "sk": f"{day_candle().open_ms:013d}"})
    assert "restored 1 own and 0 past candles" in run(common_stack, "restore", f"--file={file}")
    assert CandlesTable(table).missing(SYMBOL, "1d", [day_candle()]) == []
    table.delete_item(Key={"pk": f"CANDLE#1d#{SYMBOL}", "sk": f"{day_candle().open_ms:013d}"})
