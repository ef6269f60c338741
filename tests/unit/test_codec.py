"""A snapshot comes out of its bytes as it went in, to the last digit, and they are few."""

import zlib
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.quotes import HOUR_MS, advance, quote_all
from shared.sources import binance
from shared.sources.upstream import Answer
from shared.store.codec import pack, unpack, unpack_or_restart
from shared.values import Quote, Rate, Snapshot, SourceState
from shared.wire import dumps, loads
from tests.recordings import recorded_json
from tests.unit.samples import NOW_MS, SYMBOLS, USD_CAD, prices

signed = st.builds(lambda price, sign: price * sign, prices, st.sampled_from([-1, 0, 1]))
times = st.integers(0, 2**53)
quote_values = st.builds(
    Quote,
    symbol=st.sampled_from(SYMBOLS),
    bid=prices,
    ask=prices,
    spot=prices,
    change=signed,
    change_pct=signed,
    source=st.text(max_size=60),
    ts_ms=times,
    seen_ms=times,
    seq=times,
    stale=st.booleans(),
    simulated=st.booleans(),
)
rate_values = st.builds(Rate, source=st.text(max_size=20), bid=prices, ask=prices, ts_ms=times, simulated=st.booleans())
snapshots = st.builds(
    Snapshot,
    seq=times,
    ts_ms=times,
    quotes=st.lists(quote_values, max_size=5).map(lambda made: {quote.symbol: quote for quote in made}),
    unavailable=st.dictionaries(st.sampled_from(SYMBOLS), times, max_size=5),
    rates=st.dictionaries(st.text(max_size=10), rate_values, max_size=3),
    usd_cad_history=st.lists(st.tuples(times, prices), max_size=5).map(tuple),
    sources=st.dictionaries(st.text(max_size=10), st.builds(SourceState, times, st.text(max_size=80)), max_size=3),
)


def full_snapshot() -> Snapshot:
    """The 75 quotes of the recorded answer, 5 of them doubled from others, after a day of the feed."""
    rows = recorded_json("binance/ticker_24hr_all_2024-01-05T211209Z.json")
    now_ms = max(row["closeTime"] for row in rows)
    rates = {name: replace(USD_CAD, ts_ms=now_ms) for name in ("kraken", "bank_of_canada", "er_api")}
    tickers = binance.parse(Answer(rows, now_ms, simulated=False))
    quotes = quote_all(tickers, rates["kraken"], Decimal("1.3351"), now_ms)
    missing = [symbol for symbol in SYMBOLS if symbol not in quotes]
    quotes |= {symbol: replace(list(quotes.values())[n], symbol=symbol) for n, symbol in enumerate(missing)}
    states = dict.fromkeys(("binance", "kraken", "bank_of_canada", "er_api"), SourceState(now_ms, "HTTP 429"))
    old = Snapshot(
        seq=123_456,
        usd_cad_history=tuple((now_ms - hours * HOUR_MS, Decimal("1.33470")) for hours in range(25, 0, -1)),
    )
    return advance(old, quotes, rates, states, now_ms=now_ms, stale_after_ms=30_000)


@given(snapshots)
def test_a_snapshot_comes_out_as_it_went_in(snapshot: Snapshot) -> None:
    assert unpack(pack(snapshot)) == snapshot


@given(st.builds(lambda whole, part: Decimal(whole) + Decimal(part).scaleb(-40), st.integers(0, 9), prices))
def test_a_price_of_many_digits_keeps_each(price: Decimal) -> None:
    rate = Rate("any", price, price, NOW_MS)
    assert Fraction(unpack(pack(Snapshot(rates={"any": rate}))).rates["any"].bid) == Fraction(price)


def test_every_price_is_a_decimal_again_even_a_whole_one() -> None:
    whole = Decimal(100_000_000)
    quote = Quote("BTC_CAD", whole, whole, whole, Decimal(0), Decimal(0), "any", NOW_MS, NOW_MS)
    snapshot = Snapshot(quotes={"BTC_CAD": quote}, usd_cad_history=((NOW_MS, whole),))
    out = unpack(pack(snapshot))
    values = out.quotes["BTC_CAD"]
    for value in (values.bid, values.ask, values.spot, values.change, values.change_pct, out.usd_cad_history[0][1]):
        assert type(value) is Decimal


def test_a_full_snapshot_of_75_quotes_is_below_10_kb(capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = full_snapshot()
    packed = pack(snapshot)
    with capsys.disabled():
        print(f"\n75 quotes packed: {len(packed)} bytes")
    assert len(snapshot.quotes) == 75
    assert len(packed) < 10_000
    assert unpack(packed) == snapshot


def test_quotes_come_out_in_their_order() -> None:
    assert list(unpack(pack(full_snapshot())).quotes) == SYMBOLS


def test_what_another_version_wrote_is_read_by_name() -> None:
    """A field that this version does not know is passed over, one that it has since gets its default."""
    stored = loads(zlib.decompress(pack(full_snapshot())))
    for quote in stored["quotes"]:
        quote["venue"] = "spot"
        del quote["stale"]
    assert unpack(zlib.compress(dumps(stored).encode())) == full_snapshot()


@pytest.mark.parametrize("text", ["[]", "{}", '{"seq":1,"ts_ms":1,"quotes":[1]}', '{"quotes":[{"symbol":"BTC_CAD"}]}'])
def test_what_cannot_be_read_is_refused_or_restarts_with_its_number(text: str) -> None:
    packed = zlib.compress(text.encode())
    with pytest.raises(ValueError, match="not a packed snapshot"):
        unpack(packed)
    assert unpack_or_restart(packed, 41) == Snapshot(seq=41)


@given(st.binary())
def test_other_bytes_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="not a packed snapshot"):
        unpack(packed)
