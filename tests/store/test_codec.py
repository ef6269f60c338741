"""A snapshot is unpacked to the last digit, and its bytes are few."""

import tracemalloc
import zlib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.assets import catalogue
from shared.model.candles import OpenCandles
from shared.model.values import Memory, Quote, Rate, Snapshot, SourceState, Suspicion, Ticker
from shared.model.wire import dumps, loads
from shared.pricing.advance import advance
from shared.pricing.candles import roll
from shared.pricing.consensus import SHORT
from shared.pricing.fx import DAY_MS, HOUR_MS, MAX_AGE_MS
from shared.pricing.quotes import price_all
from shared.store.codec import LARGEST_TIME_MS, pack, unpack, unpack_or_restart
from tests.recordings import recorded_json
from tests.samples import NOW_MS, SYMBOLS, prices, rate, ticker

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
memory_values = st.builds(Memory, st.none() | prices, times) | st.builds(
    Memory, st.none() | prices, times, prices, times, times
)
histories = st.lists(st.tuples(times, prices), max_size=5).map(tuple)
states = st.builds(SourceState, times, st.text(max_size=80), times, times)
snapshots = st.builds(
    Snapshot,
    seq=times,
    ts_ms=times,
    quotes=st.lists(quote_values, max_size=5).map(lambda made: {quote.symbol: quote for quote in made}),
    unavailable=st.dictionaries(st.sampled_from(SYMBOLS), times, max_size=5),
    stated_fx_rates=st.dictionaries(st.text(max_size=10), rate_values, max_size=3),
    fx_rates=st.dictionaries(st.sampled_from(["USD", "USDT"]), rate_values, max_size=2),
    memories=st.dictionaries(st.sampled_from(SYMBOLS), memory_values, max_size=3),
    suspects=st.dictionaries(st.text(max_size=10), st.builds(Suspicion, st.integers(1, 3), times), max_size=2),
    usd_cad_history=histories,
    usdt_cad_history=histories,
    sources=st.dictionaries(st.text(max_size=10), states, max_size=3),
)


def full_snapshot() -> Snapshot:
    """Return a snapshot after a day: the recorded quotes, completed to all assets by copies of others."""
    rows = recorded_json("binance/ticker_24hr_all_2024-01-05T211209Z.json")
    now_ms = max(row["closeTime"] for row in rows)
    tickers = [
        Ticker(
            "binance",
            row["symbol"],
            bid=Decimal(row["bidPrice"]),
            ask=Decimal(row["askPrice"]),
            last=Decimal(row["lastPrice"]),
            open_24h=Decimal(row["openPrice"]),
            ts_ms=row["closeTime"],
            answered_ms=now_ms,
        )
        for row in rows
        if Decimal(row["bidPrice"])
    ]
    return snapshot_of(tickers, now_ms)


def made_snapshot() -> Snapshot:
    """Return one with everything in it as well, but of made prices: the recordings are not in the repository."""
    markets = {market.name for asset in catalogue().values() for market in asset.markets if market.source == "binance"}
    return snapshot_of([ticker(name, f"{n + 1}.{n:04}1") for n, name in enumerate(sorted(markets))], NOW_MS)


def snapshot_of(tickers: Sequence[Ticker], now_ms: int) -> Snapshot:
    rates = {name: rate(name, "1.33465", "1.33481", ts_ms=now_ms) for name in MAX_AGE_MS}
    old = Snapshot(
        seq=123_456,
        usd_cad_history=tuple((now_ms - hours * HOUR_MS, Decimal("1.33470")) for hours in range(25, 0, -1)),
        usdt_cad_history=tuple((now_ms - hours * HOUR_MS, Decimal("1.33365")) for hours in range(25, 0, -1)),
    )
    fx_rates = {"USD": rates["kraken:USDCAD"], "USDT": rates["kraken:USDTCAD"]}
    quotes = dict(price_all(old, tickers, fx_rates, now_ms, 15_000).quotes)
    missing = [symbol for symbol in SYMBOLS if symbol not in quotes]
    assert len(missing) < 20
    quotes |= {symbol: replace(list(quotes.values())[n], symbol=symbol) for n, symbol in enumerate(missing)}
    names = ("binance", "kraken", "bank_of_canada", "er_api", "coinbase", "coingecko")
    states = dict.fromkeys(names, SourceState(now_ms, "HTTP 429"))
    snapshot = advance(old, quotes, rates, states, now_ms=now_ms, stale_after_ms=30_000)
    memories = {name: Memory(SHORT.plus(q.spot), now_ms) for name, q in quotes.items()}
    return replace(snapshot, candles=open_candles(quotes, now_ms), fx_rates=fx_rates, memories=memories)


def open_candles(quotes: dict[str, Quote], now_ms: int) -> OpenCandles:
    """Return every symbol's open candles after a day, an hour and a minute of other prices."""
    candles: OpenCandles = {}
    for number, back_ms in enumerate((DAY_MS // 2, HOUR_MS // 8, 5_000, 0)):
        then_ms = now_ms - back_ms
        moved = {
            symbol: replace(quote, seen_ms=then_ms, spot=quote.spot * (1000 + (number * 7 + n * 11) % 23 - 11) / 1000)
            for n, (symbol, quote) in enumerate(quotes.items())
        }
        candles, _ = roll(candles, moved, then_ms)
    return candles


def test_memories_and_ticks_before_are_read_as_written() -> None:
    held = Memory(None, 12, Decimal("2.5"), 13, 14)
    made = Snapshot(
        seq=9,
        memories={"BTC_CAD": Memory(Decimal("1.5"), 11), "ETH_CAD": held, "LTC_CAD": Memory(None, LARGEST_TIME_MS)},
        suspects={"kraken": Suspicion(2, 7)},
        recent=((1_000, 5), (6_000, 6), (11_500, 8), (16_000, 9)),
    )
    assert unpack(pack(made)) == made
    assert loads(zlib.decompress(pack(made)))["recent"] == [1_000, 5, 5_000, 1, 5_500, 2, 4_500, 1]


@given(snapshots)
def test_a_snapshot_comes_out_as_it_went_in(snapshot: Snapshot) -> None:
    assert unpack(pack(snapshot)) == snapshot


@given(st.builds(lambda whole, part: Decimal(whole) + Decimal(part).scaleb(-40), st.integers(0, 9), prices))
def test_a_price_of_many_digits_keeps_each(price: Decimal) -> None:
    packed = pack(Snapshot(stated_fx_rates={"any": rate("any", price)}, usdt_cad_history=((NOW_MS, price),)))
    out = unpack(packed)
    assert Fraction(out.stated_fx_rates["any"].bid) == Fraction(out.usdt_cad_history[0][1]) == Fraction(price)


def test_every_price_is_a_decimal_again_even_a_whole_one() -> None:
    whole = Decimal(100_000_000)
    quote = Quote("BTC_CAD", whole, whole, whole, Decimal(0), Decimal(0), "any", NOW_MS, NOW_MS)
    snapshot = Snapshot(quotes={"BTC_CAD": quote}, usd_cad_history=((NOW_MS, whole),), usdt_cad_history=((1, whole),))
    out = unpack(pack(snapshot))
    values = out.quotes["BTC_CAD"]
    mids = [mid for history in (out.usd_cad_history, out.usdt_cad_history) for _, mid in history]
    assert len(mids) == 2
    for value in (values.bid, values.ask, values.spot, values.change, values.change_pct, *mids):
        assert type(value) is Decimal


def test_a_full_snapshot_with_candles_is_below_10_kb(capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = full_snapshot()
    packed = pack(snapshot)
    with capsys.disabled():
        print(f"\n75 quotes and candles packed: {len(packed)} bytes")
    assert len(snapshot.quotes) == len(snapshot.candles) == len(catalogue())
    assert len(packed) < 10_000
    assert unpack(packed) == snapshot


def test_quotes_come_out_in_their_order() -> None:
    assert list(unpack(pack(made_snapshot())).quotes) == SYMBOLS


def test_a_snapshot_of_another_version_is_read_by_name() -> None:
    """An unknown field is ignored, and a new field gets its default."""
    stored = loads(zlib.decompress(pack(made_snapshot())))
    for quote in stored["quotes"]:
        quote["venue"] = "spot"
        del quote["stale"]
    assert unpack(zlib.compress(dumps(stored).encode())) == made_snapshot()


def test_quotes_stored_before_a_field_was_added_are_read() -> None:
    """A stored quote has the fields of today; a new field needs a default, or an upgrade loses every quote."""
    stored = (
        '{"symbol":"BTC_CAD","bid":1.5,"ask":1.7,"spot":1.6,"change":0.1,"change_pct":2,"source":"kraken:XBTCAD",'
        '"ts_ms":1704489129445,"seen_ms":1704489130000,"seq":7,"stale":false,"simulated":false,"sources":3}'
    )
    text = f'{{"seq":7,"ts_ms":1704489130000,"quotes":[{stored}],"unavailable":{{}},"rates":{{}},"sources":{{}}}}'
    snapshot = unpack_or_restart(zlib.compress(text.encode()), 7)
    assert [(quote.symbol, quote.spot, quote.sources) for quote in snapshot.quotes.values()] == [
        ("BTC_CAD", Decimal("1.6"), 3)
    ]


def test_a_snapshot_without_usdt_history_is_read() -> None:
    stored = loads(zlib.decompress(pack(made_snapshot())))
    del stored["usdt_cad_history"]
    assert unpack(zlib.compress(dumps(stored).encode())) == replace(made_snapshot(), usdt_cad_history=())


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"seq":1,"ts_ms":1,"quotes":[1]}',
        '{"quotes":[{"symbol":"BTC_CAD"}]}',
        '{"seq":1,"ts_ms":1,"quotes":[],"unavailable":{},"rates":{},"sources":{},"usdt_cad_history":[1]}',
        '{"seq":1,"ts_ms":1,"quotes":[],"unavailable":{},"rates":{},"sources":{},"usdt_cad_history":[[1,"x"]]}',
    ],
)
def test_an_unreadable_snapshot_restarts_with_its_seq(text: str) -> None:
    packed = zlib.compress(text.encode())
    with pytest.raises(ValueError, match="not a packed snapshot"):
        unpack(packed)
    restarted = unpack_or_restart(packed, 41)
    assert restarted == Snapshot(seq=41, ts_ms=restarted.ts_ms)


@given(st.binary())
def test_other_bytes_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="not a packed snapshot"):
        unpack(packed)


def test_the_items_seq_counts_whatever_is_packed() -> None:
    snapshot = made_snapshot()
    assert unpack_or_restart(pack(snapshot), snapshot.seq + 50) == replace(snapshot, seq=snapshot.seq + 50)


@pytest.mark.parametrize(
    "poison",
    [
        {"quotes": [{"symbol": "BTC_CAD"}]},
        {"quotes": None},
        {"memories": [["BTC_CAD", "NaN", 1]]},
        {"recent": [1, 2, 3]},
        {"sources": {"kraken": {"retry_ms": "soon"}}},
        {"suspects": {"kraken": 1}},
        {"unavailable": {"BTC_CAD": -1}},
    ],
)
def test_of_an_unreadable_snapshot_candles_and_history_are_kept(poison: dict[str, object]) -> None:
    snapshot = made_snapshot()
    stored = loads(zlib.decompress(pack(snapshot)))
    packed = zlib.compress(dumps({**stored, **poison}).encode())
    with pytest.raises(ValueError, match="not a packed snapshot"):
        unpack(packed)
    restarted = unpack_or_restart(packed, 7)
    assert restarted.seq == 7
    assert restarted.candles == snapshot.candles
    assert restarted.usd_cad_history == snapshot.usd_cad_history


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1e400", "-1e-400"])
def test_a_number_like_no_price_makes_a_snapshot_unreadable(price: str) -> None:
    stored = loads(zlib.decompress(pack(made_snapshot())))
    stored["quotes"][0]["bid"] = price
    with pytest.raises(ValueError, match="not a packed snapshot"):
        unpack(zlib.compress(dumps(stored).encode()))


def test_a_small_item_that_unpacks_to_gigabytes_is_refused() -> None:
    packed = zlib.compress(b" " * 100_000_000)
    assert len(packed) < 400_000  # fits into an item
    tracemalloc.start()
    assert unpack_or_restart(packed, 3) == Snapshot(seq=3)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10_000_000
