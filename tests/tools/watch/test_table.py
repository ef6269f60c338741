"""The terminal's picture: readable prices of any size in a window of any size."""

import io
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console

from cadfeed_client import Book, Candidate, Explanation, Heard, Kind, Link, Quote, State
from tests.client.frames import snapshot
from tools.watch.explained import explained
from tools.watch.prices import age_text, change_text, percent_text, price_text
from tools.watch.status import Status
from tools.watch.table import SORTS, Sort, ordered, picture, screenshot
from tools.watch.target import Target

NOW_MS = 1_718_707_723_000
LOCAL = Target("wss://localhost:8000/markets/ws/")


def quote(symbol: str, spot: str, change: str = "1.5", **more: object) -> Quote:
    price = Decimal(spot)
    fields = {"symbol": symbol, "bid": price, "ask": price, "spot": price, "change": Decimal(change)}
    fields |= {
        "change_pct": Decimal("1.5").copy_sign(Decimal(change)),
        "source": "binance:BTCUSDT x parity:USDTUSD x kraken:USDCAD",
    }
    return Quote(**(fields | {"ts_ms": NOW_MS - 4000, "seq": 43} | more))  # type: ignore[arg-type]


def book_of(*quotes: Quote, unavailable: tuple[str, ...] = ()) -> Book:
    book = Book(
        quotes={quote.symbol: quote for quote in quotes},
        unavailable=set(unavailable),
        order=tuple(quote.symbol for quote in quotes),
    )
    book.apply({**snapshot(43), "event": "update", "prev_seq": 0}, 0)
    return book


BTC, SHIB = quote("BTC_CAD", "136542.1834", "-1024.5"), quote("SHIB_CAD", "0.000012439404", "0.0000001")


def drawn(book: Book, width: int = 140, height: int = 40, status: Status | None = None, **options: object) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, record=True, legacy_windows=False)
    status = status or Status(LOCAL, State(Link.LIVE))
    console.print(picture(book, status, NOW_MS, (width, height), **options))  # type: ignore[arg-type]
    return console.export_text().splitlines()


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("136542.1834", "136,542.18"),
        ("1234567890", "1,234,567,890.00"),
        ("1.3", "1.30000"),
        ("0.000012439404", "0.0000124394"),
        ("1.2E-15", "0.00000000000000120000"),
        ("1E+7", "10,000,000.00"),
        ("0", "0.00"),
        ("9.9999999", "10.00000"),
    ],
)
def test_a_price_has_six_significant_digits_and_no_exponent(price: str, text: str) -> None:
    assert price_text(Decimal(price)) == text


@pytest.mark.parametrize(
    ("change", "price", "text"),
    [
        ("1024.5", "136542.18", "▲ +1,024.50"),
        ("-0.00000012", "0.0000124", "▼ -0.0000001200"),
        ("0.0001", "136542.18", "▲ +0.0001"),
        ("0", "1.25", "= 0.00000"),
    ],
)
def test_a_change_shows_its_direction_without_colour(change: str, price: str, text: str) -> None:
    assert change_text(Decimal(change), Decimal(price)) == text


def test_a_tiny_percentage_is_not_zero() -> None:
    assert [percent_text(Decimal(text)) for text in ("1.534", "-0.0004", "0")] == ["+1.53%", "-0.0004%", "0.00%"]


def test_an_age_has_one_unit() -> None:
    assert [age_text(ms) for ms in (-1, 999, 61_000, 7_300_000, 200_000_000)] == ["0s", "0s", "1m", "2h", "2d"]


def test_a_wide_window_shows_everything() -> None:
    text = "\n".join(drawn(book_of(BTC, SHIB, unavailable=("DAI_CAD", "UST_CAD")), width=150))
    for part in ("● live", "wss://localhost:8000/markets/ws/", "2 quotes", "updates/s", "seq 43", "136,542.18"):
        assert part in text
    for part in ("0.0000124394", "▼ -1,024.50", "4s", BTC.source, "unavailable (2): DAI_CAD UST_CAD"):
        assert part in text
    assert "SIMULATED" not in text


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100])
def test_a_narrow_window_drops_columns_but_never_cuts_a_price(width: int) -> None:
    lines = drawn(book_of(BTC, SHIB, unavailable=("DAI_CAD",)), width=width)
    assert all(len(line.rstrip()) <= width for line in lines)
    row = next(line for line in lines if line.startswith("SHIB_CAD"))
    assert "0.0000124394" in row or width < 22
    assert "…" not in row.removesuffix("…").rstrip() or width >= 100


def test_the_columns_that_matter_least_go_first() -> None:
    def titles(width: int) -> list[str]:
        return next(line for line in drawn(book_of(BTC, SHIB), width=width) if line.startswith("symbol")).split()

    assert titles(140) == ["symbol", "bid", "ask", "spot", "change", "change", "%", "age", "sources", "source"]
    assert titles(75) == ["symbol", "bid", "ask", "spot", "change", "%", "age"]
    assert titles(34) == ["symbol", "spot", "change", "%"]


def test_more_quotes_than_lines_are_counted() -> None:
    book = book_of(*(quote(f"A{number:02}_CAD", "1.5") for number in range(75)))
    lines = drawn(book, height=20)
    assert len(lines) == 20
    shown = sum(line.startswith("A") for line in lines)
    assert any(f"{75 - shown} more" in line for line in lines)
    assert sum(line.startswith("A") for line in drawn(book, height=20, rows=5)) == 5


def test_a_simulated_market_is_clearly_marked() -> None:
    assert "SIMULATED" in drawn(book_of(BTC, quote("ETH_CAD", "4000", simulated=True)), width=40)[0]


def test_a_stale_quote_says_so() -> None:
    row = next(line for line in drawn(book_of(quote("BTC_CAD", "1", stale=True))) if line.startswith("BTC"))
    assert "stale 4s" in row


def test_a_lost_connection_says_why_and_when_it_returns() -> None:
    status = Status(LOCAL)
    refused = State(Link.RECONNECTING, "no connection", NOW_MS + 2_400, ConnectionRefusedError())
    told = "nothing listens at localhost:8000: is `make run` running?; reconnecting in 2.4 s"
    assert status.turned(refused, NOW_MS) == told
    text = "\n".join(drawn(Book(), status=status))
    assert "reconnecting in 3 s" in text
    assert "is `make run` running?" in text


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_has_all_quotes(sort: Sort) -> None:
    book = book_of(BTC, SHIB, quote("ADA_CAD", "0.9", change_pct=Decimal(2), ts_ms=NOW_MS))
    symbols = [quote.symbol for quote in ordered(book, sort)]
    expected = {"feed": "BTC SHIB ADA", "symbol": "ADA BTC SHIB", "spot": "BTC ADA SHIB", "age": "ADA BTC SHIB"}
    assert symbols == [f"{code}_CAD" for code in expected.get(sort, "ADA SHIB BTC").split()]


def test_missed_updates_are_counted_beside_the_quotes() -> None:
    status = Status(LOCAL, State(Link.LIVE))
    assert status.turned(State(Link.STALE, "an update was missed"), NOW_MS) == ""
    text = "\n".join(drawn(book_of(BTC), status=status))
    assert "● stale" in text
    assert "an update was missed" in text
    assert status.turned(State(Link.LIVE), NOW_MS) == ""


def test_the_rate_covers_the_last_ten_seconds() -> None:
    status = Status(LOCAL)
    assert status.turned(State(Link.LIVE), 0) == "live: wss://localhost:8000/markets/ws/"
    five = Heard("", Kind.DATA, is_snapshot=False, message="", changes=(BTC,) * 5)
    for second in range(20):
        status.heard(five, second * 1000)
    assert status.updates_per_s(19_000) == 5
    assert status.updates_per_s(40_000) == 0


def test_the_screenshot_loads_nothing_from_elsewhere() -> None:
    status = Status(LOCAL, State(Link.LIVE))
    svg = screenshot(book_of(BTC, SHIB), status, NOW_MS, width=120, sort="feed", rows=10)
    assert svg.startswith("<svg")
    assert "0.0000124394" in svg
    assert svg.count("://") == 2  # the SVG namespace and the feed's address
    assert "@font-face" not in svg


def test_a_quote_shows_how_many_sources_agree_with_it() -> None:
    row = next(line for line in drawn(book_of(quote("BTC_CAD", "1", sources=4))) if line.startswith("BTC"))
    assert " 4  binance:BTCUSDT" in row


def test_suspect_and_down_sources_are_named_above_the_quotes() -> None:
    book = book_of(BTC)
    status = {"kraken": "suspect", "binance": "ok", "coinbase": "down", "coingecko": "suspect"}
    book.apply({"event": "heartbeat", "ts": 2, "seq": 43, "stale": [], "status": status}, 0)
    lines = drawn(book)
    assert "suspect: coingecko kraken" in [line.rstrip() for line in lines]
    assert "down: coinbase" in [line.rstrip() for line in lines]
    assert not any("suspect" in line for line in drawn(book_of(BTC)))


def test_a_late_feed_shows_late_and_never_live() -> None:
    status = Status(LOCAL)
    told = status.turned(State(Link.LATE, "the feed itself is late"), NOW_MS)
    assert told == "late: wss://localhost:8000/markets/ws/: the feed itself is late"
    text = "\n".join(drawn(book_of(BTC), status=status))
    assert "● late" in text
    assert "the feed itself is late" in text
    assert "live" not in text
    assert status.turned(State(Link.LIVE), NOW_MS) == "live: wss://localhost:8000/markets/ws/"


def explanation(*candidates: Candidate, reference: str | None = "100") -> list[str]:
    console = Console(file=io.StringIO(), width=200, record=True, legacy_windows=False)
    median = None if reference is None else Decimal(reference)
    spread = None if reference is None else Decimal("0.0005")
    told = Explanation("BTC_CAD", 43, NOW_MS, median, spread, Decimal("0.02"), 2, candidates)
    console.print(explained(told))
    return [line.rstrip() for line in console.export_text().splitlines()]


MARKET = Candidate(
    *("kraken", "XBTCAD", "CAD", Decimal(80), Decimal(1), "", Decimal(80), 1_500, True, "passed_over", "outside_band")
)


def test_an_explanation_says_how_far_off_each_market_is() -> None:
    other = replace(MARKET, source="binance", market="BTCUSDT", price_cad=Decimal("100.05"), verdict="taken")
    summary, _, *rows = explanation(MARKET, replace(other, reason="first_in_band", old_last=True))
    assert summary == "BTC_CAD  reference 100.000  dispersion 0.0500%  band 2%  2 sources agree  seq 43"
    assert " ".join(rows[0].split()) == "kraken:XBTCAD 80.0000 CAD 80.0000 -20.00% 1s yes passed over outside band"
    assert " ".join(rows[1].split()).endswith("+0.05% 1s yes taken first in band, last trade outside its book")


def test_an_unknown_value_of_a_market_is_a_dash() -> None:
    silent = replace(
        MARKET, price=None, price_cad=None, age_ms=None, vote=False, verdict="unusable", reason="no_answer"
    )
    summary, _, row = explanation(silent, reference=None)
    assert "no market votes" in summary
    assert " ".join(row.split()) == "kraken:XBTCAD - CAD - - - no unusable no answer"


@pytest.mark.parametrize("price", ["0", "-1", "1E-30", "1E+30"])
def test_an_absurd_price_is_shown_all_the_same(price: str) -> None:
    _, _, row = explanation(replace(MARKET, price=Decimal(price), price_cad=Decimal(price), reason="not_positive"))
    assert row.startswith("kraken:XBTCAD")
