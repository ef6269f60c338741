"""For any JSON a parser returns valid tickers or says that the source is unavailable."""

import copy
from collections.abc import Iterator
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sources import bank_of_canada, binance, coinbase, coingecko, er_api, kraken, ndax
from shared.sources.upstream import Answer, SourceUnavailable
from tests.samples import json_values
from tests.sources.reading import read
from tests.sources.test_bank_of_canada import VALET
from tests.sources.test_binance import BTC, RECORDED_MS
from tests.sources.test_coinbase import COINBASE
from tests.sources.test_coingecko import COINGECKO
from tests.sources.test_er_api import ER_API
from tests.sources.test_kraken import KRAKEN
from tests.sources.test_ndax import NDAX

Path = tuple[str | int, ...]

# A complete, accepted answer of each source
SOUND: dict[str, tuple[ModuleType, Any]] = {
    "binance": (binance, [BTC, BTC | {"symbol": "ETHUSDT"}]),
    "kraken": (kraken, KRAKEN),
    "coinbase": (coinbase, COINBASE),
    "coingecko": (coingecko, COINGECKO),
    "ndax": (ndax, NDAX),
    "bank_of_canada": (bank_of_canada, VALET),
    "er_api": (er_api, ER_API),
}
EVERY = pytest.mark.parametrize("name", SOUND)
odd_texts = st.sampled_from(
    ["", "0", "-1", "1e999999", "1E-400", "NaN", "Infinity", "sNaN", "1_0", "9999-12-31", "0001-01-01", "9" * 5000]
)
odd_numbers = st.sampled_from([Decimal("1E+9999999"), Decimal("-0"), 10**400, -(2**63), True])
odd = json_values | odd_texts | odd_numbers


def paths(value: object) -> Iterator[Path]:
    """Yield the path to every value in it, itself included."""
    yield ()
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from ((key, *path) for path in paths(item))


def replaced(value: Any, path: Path, by: object) -> Any:
    if not path:
        return by
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = by
    return changed


def assert_sound(module: ModuleType, payload: object) -> None:
    try:
        tickers = read(module, Answer(payload, RECORDED_MS, simulated=False))
    except SourceUnavailable:
        return
    for ticker in tickers:
        assert 0 < ticker.bid <= ticker.ask < Decimal("1e31")
        assert 0 < ticker.last < Decimal("1e31")
        assert ticker.open_24h is None or 0 < ticker.open_24h < Decimal("1e31")
        assert isinstance(ticker.ts_ms, int)


@EVERY
def test_the_answers_to_be_corrupted_are_sound(name: str) -> None:
    module, payload = SOUND[name]
    assert read(module, Answer(payload, RECORDED_MS, simulated=False))


@EVERY
@given(payload=json_values)
def test_any_json_gives_tickers_or_unavailable(name: str, payload: object) -> None:
    assert_sound(SOUND[name][0], payload)


@EVERY
@given(data=st.data())
def test_any_odd_value_gives_tickers_or_unavailable(name: str, data: st.DataObject) -> None:
    module, payload = SOUND[name]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(paths(payload))))
        payload = replaced(payload, path, data.draw(odd))
    assert_sound(module, payload)
