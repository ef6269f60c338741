"""Explanations come out of their bytes as they went in, to the last digit, and they are few."""

import json
import random
import zlib
from dataclasses import replace
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.assets import Asset, catalogue
from shared.explanation import Candidate, Explanation, Explanations, Verdict
from shared.protocol import REASONS
from shared.store import explanations_codec
from shared.store.explanations_codec import pack_explanations, unpack_explanations
from tests.unit.samples import NOW_MS, SYMBOLS, explanations, prices

maybe = st.none() | prices | prices.map(lambda price: -price) | st.just(Decimal(0))
times = st.none() | st.integers(-300_000, 2**53)
candidate_values = st.builds(
    Candidate,
    source=st.text(max_size=10),
    market=st.text(max_size=20),
    currency=st.sampled_from(["CAD", "USD", "USDT"]),
    price=maybe,
    rate=maybe,
    rate_source=st.text(max_size=20),
    price_cad=maybe,
    age_ms=times,
    vote=st.booleans(),
    verdict=st.sampled_from(get_args(Verdict)),
    reason=st.text(max_size=12),
    old_last=st.booleans(),
)
explanation_values = st.builds(
    Explanation,
    symbol=st.sampled_from(SYMBOLS),
    reference=maybe,
    dispersion=maybe,
    sources=st.integers(0, 9),
    candidates=st.lists(candidate_values, max_size=6).map(tuple),
)
drawn = st.builds(
    Explanations,
    seq=st.integers(0, 2**53),
    ts_ms=st.integers(0, 2**53),
    by_symbol=st.lists(explanation_values, max_size=5).map(lambda made: {each.symbol: each for each in made}),
)


def busy(digits: int, draw: random.Random) -> Explanations:
    """Five markets for each asset of the catalogue, with prices of so many digits that are all different."""
    return Explanations(41, NOW_MS, {asset.symbol: _busy(asset, digits, draw) for asset in catalogue().values()})


def _busy(asset: Asset, digits: int, draw: random.Random) -> Explanation:
    rates = {"CAD": (Decimal(1), ""), "USD": (Decimal("1.37345"), "kraken:USDCAD")}
    rates["USDT"] = (Decimal("1.372315"), "kraken:USDTCAD")
    candidates = []
    for number in range(5):
        market = asset.markets[number % len(asset.markets)]
        price = Decimal(draw.randrange(10 ** (digits - 1), 10**digits)).scaleb(draw.randrange(-8, 5) - digits)
        rate, rate_source = rates[market.quote]
        verdict = draw.choice(get_args(Verdict))
        names = (market.source, market.name, market.quote)
        age_ms, reason = draw.randrange(12_000), draw.choice(REASONS[verdict])
        candidates.append(Candidate(*names, price, rate, rate_source, price * rate, age_ms, True, verdict, reason))
    reference = sorted(candidate.price_cad or Decimal(0) for candidate in candidates)[2]
    dispersion = Decimal(draw.randrange(10**9)).scaleb(-12)
    return Explanation(asset.symbol, reference, dispersion, draw.randrange(1, 6), tuple(candidates))


@given(drawn)
def test_explanations_are_read_as_they_were_written(explained: Explanations) -> None:
    assert unpack_explanations(pack_explanations(explained)) == explained


@pytest.mark.parametrize("digits", [6, 12, 24])
def test_real_ones_come_back_to_the_last_digit(digits: int) -> None:
    explained = busy(digits, random.Random(digits))
    assert unpack_explanations(pack_explanations(explained)) == explained


@pytest.mark.parametrize(("digits", "most_bytes"), [(8, 5_500), (16, 7_000)])
def test_five_candidates_for_each_asset_cost_seven_write_units_at_the_most(digits: int, most_bytes: int) -> None:
    """With the item's names. Real prices have from 5 to 17 digits, and those of an asset begin alike."""
    assert len(pack_explanations(busy(digits, random.Random(1)))) < most_bytes - 100


def test_what_can_be_worked_out_takes_no_room() -> None:
    told = explanations()
    assert len(pack_explanations(told)) < 2_000
    odd = {symbol: replace(each, reference=Decimal(1)) for symbol, each in told.by_symbol.items()}
    assert unpack_explanations(pack_explanations(replace(told, by_symbol=odd))).by_symbol == odd


@pytest.mark.parametrize(
    "change",
    [
        {"catalogue": 1},
        {"rates": []},
        {"outcomes": [[True, "sold", "behind", False]]},
        {"candidates": []},
        {"assets": []},
        {"assets": 7},
        {"seq": None, "candidates": None},
    ],
)
def test_what_another_version_wrote_is_refused(change: dict[str, object]) -> None:
    stored = json.loads(zlib.decompress(pack_explanations(explanations())))
    with pytest.raises(ValueError, match="no packed explanations"):
        unpack_explanations(zlib.compress(json.dumps(stored | change).encode()))


@pytest.mark.parametrize("packed", [b"", b"garbage", zlib.compress(b"{"), zlib.compress(b"[]"), zlib.compress(b"{}")])
def test_what_is_no_explanation_at_all_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="no packed explanations"):
        unpack_explanations(packed)


def test_those_of_another_catalogue_are_refused_since_their_markets_have_other_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed = pack_explanations(explanations())
    markets = explanations_codec._markets()
    moved = {symbol: tuple(reversed(each)) for symbol, each in markets.items()}
    monkeypatch.setattr(explanations_codec, "_markets", lambda: moved)
    explanations_codec._catalogue_sum.cache_clear()
    with pytest.raises(ValueError, match="no packed explanations"):
        unpack_explanations(packed)
    explanations_codec._catalogue_sum.cache_clear()
