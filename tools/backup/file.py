"""The file of a backup: gzip, with a JSON value per line. The first line is the header, each other one a candle:

`{"kind":"own","symbol":"BTC_CAD","interval":"1h","open_ms":1767225600000,"open":86762.65,...,"ticks":720}`

Numbers have all their digits. The header names the format, its version, the stack, the table and its Region, the time,
the number of candles of each kind, and the settings of the deployment that are not the defaults.
"""

import gzip
import os
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from shared.model.candles import INTERVAL_MS, Candle
from shared.model.wire import dumps, loads

FORMAT = "cadfeed-backup"
VERSION = 1
OWN, PAST = "own", "past"
KINDS = (OWN, PAST)
LEVEL = 6


class BadBackup(Exception):
    """The file is cut, damaged, or not a backup. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A candle of a backup. `kind`: `own`, made of the feed's own ticks, or `past`, from an exchange's history."""

    kind: str
    symbol: str
    interval: str
    candle: Candle


@dataclass(frozen=True, slots=True)
class Header:
    """Where a backup comes from. `counts`: the number of candles by kind."""

    stack: str
    table: str
    region: str
    saved_ms: int
    settings: Mapping[str, Any]
    counts: Mapping[str, int]


def write(path: Path, header: Header, kept: Iterable[Kept]) -> Header:
    """Write a file that is there only once it is whole. Returns the header with the counts.

    Raises:
        FileExistsError: there is such a file already.
        OSError: the file cannot be written.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists; name another file, FILE=…")
    path.parent.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        # The counts are in front of what they count: the candles go to another file first.
        with tempfile.TemporaryFile(dir=path.parent) as body, os.fdopen(handle, "wb") as whole:
            with gzip.GzipFile(fileobj=body, mode="wb", compresslevel=LEVEL) as packed:
                for each in kept:
                    counts[each.kind] += 1
                    packed.write(_line(each).encode())
            counted = replace(header, counts=dict(counts))
            with gzip.GzipFile(fileobj=whole, mode="wb", compresslevel=LEVEL) as packed:
                packed.write(f"{dumps(_of_header(counted))}\n".encode())
            body.seek(0)
            shutil.copyfileobj(body, whole)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return counted


def read_header(path: Path) -> Header:
    """Return where a backup comes from.

    Raises:
        BadBackup: the file is cut, damaged, or not a backup.
        OSError: the file cannot be read.
    """
    with gzip.open(path, "rb") as file:
        return _header(path, file)


def read(path: Path) -> Iterator[Kept]:
    """Yield the candles. The error comes when the reader reaches the fault, so check a file before you use it.

    Raises:
        BadBackup: the file is cut, damaged, or not a backup.
        OSError: the file cannot be read.
    """
    counts: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    with gzip.open(path, "rb") as file:
        header = _header(path, file)
        for number, line in enumerate(_lines(path, file), 2):
            each = _kept(path, number, line)
            counts[each.kind] += 1
            yield each
    if dict(counts) != dict(header.counts):
        raise BadBackup(f"{path} has {dict(counts)} candles and not {dict(header.counts)}: {_AGAIN}")


_AGAIN = "it was cut or changed. Copy it again from where it was kept, or use an older backup; nothing was restored"


def _header(path: Path, file: gzip.GzipFile) -> Header:
    try:
        values = loads(_first_line(path, file))
        if values["format"] != FORMAT:
            raise KeyError("format")
        version = int(values["version"])
    except (ValueError, KeyError, TypeError):
        raise BadBackup(f"{path} is not a backup of cadfeed; name a file that `make backup` wrote, FILE=…") from None
    if version != VERSION:
        raise BadBackup(
            f"{path} has version {version} of the format, and this program reads {VERSION}; restore it with the "
            "version of cadfeed that wrote it"
        )
    try:
        return Header(
            stack=str(values["stack"]),
            table=str(values["table"]),
            region=str(values["region"]),
            saved_ms=int(values["saved_ms"]),
            settings=dict(values["settings"]),
            counts={kind: int(values["counts"][kind]) for kind in KINDS},
        )
    except (ValueError, KeyError, TypeError):
        raise BadBackup(f"{path} has a header that lacks something: {_AGAIN}") from None


def _first_line(path: Path, file: gzip.GzipFile) -> bytes:
    try:
        return file.readline()
    except gzip.BadGzipFile:
        raise BadBackup(f"{path} is not a backup of cadfeed; name a file that `make backup` wrote, FILE=…") from None
    except (EOFError, zlib.error):
        raise BadBackup(f"{path} ends within its header: {_AGAIN}") from None


def _lines(path: Path, file: gzip.GzipFile) -> Iterator[bytes]:
    try:
        yield from file
    except EOFError:
        raise BadBackup(f"{path} ends too early: {_AGAIN}") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadBackup(f"{path} is damaged ({error}): {_AGAIN}") from None


def _of_header(header: Header) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "stack": header.stack,
        "table": header.table,
        "region": header.region,
        "saved_ms": header.saved_ms,
        "counts": dict(header.counts),
        "settings": dict(header.settings),
    }


def _line(kept: Kept) -> str:
    candle = kept.candle
    values = {
        "kind": kept.kind,
        "symbol": kept.symbol,
        "interval": kept.interval,
        "open_ms": candle.open_ms,
        "open": candle.open,
        "high": candle.high,
        "low": candle.low,
        "close": candle.close,
        "ticks": candle.ticks,
    }
    return f"{dumps(values)}\n"


def _kept(path: Path, number: int, line: bytes) -> Kept:
    try:
        values = loads(line)
        opened, high, low, close = (_number(values[name]) for name in ("open", "high", "low", "close"))
        ticks = None if values["ticks"] is None else int(values["ticks"])
        candle = Candle(int(values["open_ms"]), opened, high, low, close, ticks)
        kept = Kept(values["kind"], str(values["symbol"]), values["interval"], candle)
        if kept.kind not in KINDS or kept.interval not in INTERVAL_MS:
            raise ValueError(line)
    except (ValueError, KeyError, TypeError):
        raise BadBackup(f"{path} has no candle in line {number}: {_AGAIN}") from None
    return kept


def _number(value: object) -> Decimal:
    """A price in CAD is a product, so it may have more digits than a source may state."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError(f"not a number: {value!r}")
    return Decimal(value)
