"""The file of a backup: exact, whole, and refused with what to do when it is cut, changed or something else."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.candles import Candle
from shared.model.wire import loads
from tests.samples import prices
from tools.backup.file import FORMAT, OWN, PAST, BadBackup, Header, Kept, read, read_header, write

LONG = Decimal("0.000000000000000000000000000012345678901234567890123456789012345678901234567890")
HUGE, ONE = Decimal("1E+30"), Decimal(1)
HOUR_MS = 3_600_000
HEADER = Header("Cadfeed", "quotes", "ca-central-1", 1_767_225_600_123, {"tick_seconds": 2, "site": False}, {})
FEW = [
    Kept(OWN, "BTC_CAD", "1h", Candle(HOUR_MS, LONG, LONG * 2, LONG / 2, Decimal("86762.650"), 720)),
    Kept(OWN, "BTC_CAD", "1h", Candle(2 * HOUR_MS, HUGE, HUGE, HUGE, HUGE, None)),
    Kept(PAST, "ETH_CAD", "1d", Candle(0, ONE, ONE, ONE, ONE)),
]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "backups" / "one.jsonl.gz"
    write(path, HEADER, FEW)
    return path


def lines_of(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


def test_a_backup_is_read_as_it_was_written(saved: Path) -> None:
    assert list(read(saved)) == FEW
    header = read_header(saved)
    assert (header.stack, header.table, header.saved_ms) == (HEADER.stack, HEADER.table, HEADER.saved_ms)
    assert header.settings == HEADER.settings
    assert header.counts == {OWN: 2, PAST: 1}


@given(st.lists(st.tuples(prices, prices, st.none() | st.integers(0, 17_280)), min_size=1, max_size=5))
def test_every_digit_is_kept(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Decimal, Decimal, int]]
) -> None:
    given = [Kept(OWN, "A_CAD", "1m", Candle(n, a, a * b, b, a, ticks)) for n, (a, b, ticks) in enumerate(rows)]
    path = tmp_path_factory.mktemp("backup") / "one.jsonl.gz"
    write(path, HEADER, given)
    assert list(read(path)) == given


def test_every_line_is_json_that_other_programs_read(saved: Path) -> None:
    header, *candles = map(loads, lines_of(saved))
    assert (header["format"], header["version"]) == (FORMAT, 1)
    assert [json.loads(line)["kind"] for line in lines_of(saved)[1:]] == [OWN, OWN, PAST]
    assert candles[0]["open"] == LONG


def test_a_backup_never_overwrites_a_file(saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(FileExistsError, match="name another file, FILE="):
        write(saved, HEADER, [])
    assert saved.read_bytes() == before


def test_an_interrupted_backup_leaves_no_file(tmp_path: Path) -> None:
    def interrupted() -> object:
        yield FEW[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "one.jsonl.gz", HEADER, interrupted())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_file_cut_anywhere_is_refused(saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    for length in range(len(whole)):
        cut = tmp_path / "cut.gz"
        cut.write_bytes(whole[:length])
        with pytest.raises(BadBackup, match=r"cut or changed\. Copy it again|is not a backup of cadfeed"):
            list(read(cut))


def test_a_file_with_a_line_too_few_is_refused(saved: Path) -> None:
    saved.write_bytes(gzip.compress(b"".join(lines_of(saved)[:-1])))
    with pytest.raises(BadBackup, match="nothing was restored"):
        list(read(saved))


def test_a_damaged_file_is_refused(saved: Path) -> None:
    whole = bytearray(saved.read_bytes())
    whole[-6] ^= 1  # in the checksum
    saved.write_bytes(whole)
    with pytest.raises(BadBackup, match="is damaged"):
        list(read(saved))


@pytest.mark.parametrize(
    ("text", "packed"), [(b"", False), (b"symbol,price", False), (b"", True), (b"[1]", True), (b'{"format":"x"}', True)]
)
def test_another_kind_of_file_is_refused(tmp_path: Path, text: bytes, *, packed: bool) -> None:
    path = tmp_path / "other"
    path.write_bytes(gzip.compress(text) if packed else text)
    for reading in (lambda: list(read(path)), lambda: read_header(path)):
        with pytest.raises(BadBackup, match="is not a backup of cadfeed; name a file that `make backup` wrote"):
            reading()


def test_a_newer_format_is_refused_with_what_reads_it(saved: Path) -> None:
    header, *rest = lines_of(saved)
    saved.write_bytes(gzip.compress(header.replace(b'"version":1', b'"version":2') + b"".join(rest)))
    with pytest.raises(BadBackup, match=r"version 2 of the format, .* with the version of cadfeed that wrote it"):
        read_header(saved)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"kind":"own"', b'"kind":"new"'),
        (b'"interval":"1h"', b'"interval":"1w"'),
        (b'"ticks":720', b'"ticks":"many"'),
        (b'"close":86762.65', b'"close":"86762.65"'),
        (b'"low"', b'"lowest"'),
    ],
)
def test_a_line_without_a_candle_is_named(saved: Path, before: bytes, after: bytes) -> None:
    text = gzip.decompress(saved.read_bytes())
    assert before in text
    saved.write_bytes(gzip.compress(text.replace(before, after)))
    with pytest.raises(BadBackup, match="has no candle in line 2"):
        list(read(saved))
