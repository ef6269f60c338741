"""Each market has a verdict and a reason, with the codes of docs/prices.md."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest

from shared.model.explanation import Candidate
from shared.model.values import Snapshot, Ticker
from shared.pricing.fx import HOUR_MS
from shared.pricing.quotes import price_all
from shared.pricing.rules import WIDEST_BOOK, judged
from tests.pricing.test_quotes import AT_PAR, BEFORE, at, price
from tests.samples import NOW_MS, rate

HUNDRED = (at("binance:BTCUSDT"), at("kraken:XBTUSD"), at("ndax:BTC_CAD"))
WIDE = replace(HUNDRED[1], bid=Decimal(95), ask=Decimal(105))


@dataclass(frozen=True)
class Case:
    """The sources' tickers, and the expected verdict of one market."""

    tickers: tuple[Ticker, ...]
    market: str
    verdict: str
    reason: str
    confirmed: str | None = None
    held: str | None = None
    suspects: Mapping[str, int] | None = None
    has_past: bool = False


CASES = [
    Case(HUNDRED, "binance:BTCUSDT", "taken", "first_in_band"),
    Case(HUNDRED, "kraken:XBTUSD", "passed_over", "behind"),
    Case((at("binance:BTCUSDT", "97"), *HUNDRED[1:]), "binance:BTCUSDT", "passed_over", "outside_band"),
    Case(
        (at("binance:BTCUSDT", "98.5"), HUNDRED[1], at("ndax:BTC_CAD", "101.2")),
        *("ndax:BTC_CAD", "passed_over", "behind"),
    ),
    Case(
        (
            *(at("binance:BTCUSDT", "80"), at("kraken:XBTUSD", "82")),
            *(at("coinbase:BTC-USD", "120"), at("ndax:BTC_CAD", "122")),
        ),
        *("ndax:BTC_CAD", "passed_over", "outside_band"),
    ),
    Case((at("binance:BTCUSDT", "140"), WIDE, at("ndax:BTC_CAD", "70")), "kraken:XBTUSD", "taken", "nearest"),
    Case((at("binance:BTCUSDT", "120"), HUNDRED[1]), "kraken:XBTUSD", "taken", "continuous", confirmed="100"),
    Case((at("binance:BTCUSDT", "120"), HUNDRED[1]), "binance:BTCUSDT", "passed_over", "outside_band", confirmed="100"),
    Case(HUNDRED[:1], "binance:BTCUSDT", "taken", "alone"),
    Case(HUNDRED[:1], "binance:BTCUSDT", "passed_over", "suspect", suspects={"binance": 3}),
    Case((*HUNDRED, at("coinbase:BTC-USD", "97", age_s=16)), "coinbase:BTC-USD", "passed_over", "not_fresh"),
    Case((at("binance:BTCUSDT", "200"),), "binance:BTCUSDT", "held", "jump", has_past=True),
    Case((at("binance:BTCUSDT", "200"),), "binance:BTCUSDT", "taken", "persisted", held="200", has_past=True),
    Case((at("binance:BTCUSDT", "200"), at("kraken:XBTUSD", "150")), "kraken:XBTUSD", "held", "disagreement"),
    Case(HUNDRED, "coinbase:BTC-USD", "unusable", "no_answer"),
    Case((replace(HUNDRED[0], refused="crossed"), *HUNDRED[1:]), "binance:BTCUSDT", "unusable", "crossed"),
]


def explained(case: Case) -> Candidate:
    priced = price(
        *case.tickers,
        before=BEFORE if case.has_past else None,
        confirmed=case.confirmed,
        held=case.held,
        held_ms=NOW_MS - 60_000,
        suspects=case.suspects,
    )
    (found,) = (c for c in priced.explanations["BTC_CAD"].candidates if f"{c.source}:{c.market}" == case.market)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.verdict}-{case.reason}-{case.market}")
def test_every_market_has_its_verdict_and_its_reason(case: Case) -> None:
    found = explained(case)
    assert (found.verdict, found.reason) == (case.verdict, case.reason)
    assert found.vote is (found.verdict != "unusable" and found.reason not in {"suspect", "not_fresh"})


def test_the_documentation_lists_every_code_and_no_other() -> None:
    refused = {
        judged(replace(HUNDRED[0], **broken), NOW_MS, 60_000).refused
        for broken in (
            {"bid": Decimal(0)},
            {"activity_24h": Decimal(0)},
            {"bid": Decimal(101)},
            {"bid": Decimal(100) * (1 - WIDEST_BOOK)},
            {"ts_ms": NOW_MS - 60_001},
        )
    }
    assert "" not in refused
    rules, verdicts = documented()
    assert rules == refused | {"no_rate", "no_answer"}
    assert verdicts == {case.reason for case in CASES if case.verdict != "unusable"}


def documented() -> tuple[set[str], set[str]]:
    """Return the codes in the tables of docs/prices.md: reasons against a price, and verdicts."""
    text = (Path(__file__).parents[2] / "docs/prices.md").read_text(encoding="utf-8")
    rules, verdicts = (text.split(head)[1].split("\n\n")[0] for head in ("| code | rule |", "| verdict | reason |"))
    return set(re.findall(r"(?m)^\| `(\w+)` \|", rules)), set(re.findall(r"(?m)^\|[^|]*\| `(\w+)` \|", verdicts))


def test_a_candidate_has_its_price_its_rate_and_its_age() -> None:
    book = replace(at("binance:BTCUSDT", age_s=3), bid=Decimal(99), ask=Decimal("99.5"), last=Decimal("99.5"))
    priced = price(book, rates={**AT_PAR, "USDT": rate("kraken:USDTCAD", "1.4")})
    found = next(c for c in priced.explanations["BTC_CAD"].candidates if c.source == "binance")
    assert (found.price, found.currency) == (Decimal("99.25"), "USDT")
    assert (found.rate, found.rate_source) == (Decimal("1.4"), "kraken:USDTCAD")
    assert found.price_cad == Decimal("99.25") * Decimal("1.4")
    assert found.age_ms == 3_000
    last_trade = replace(book, ts_ms=NOW_MS - 9_000)
    for ticker, age_ms in ((last_trade, 3_000), (replace(last_trade, has_book=False), 9_000)):
        told = price(ticker).explanations["BTC_CAD"].candidates
        assert [c.age_ms for c in told if c.source == "binance"] == [age_ms]


def test_a_cad_market_has_a_rate_of_one_and_an_unknown_one_none() -> None:
    ndax, kraken = (
        next(c for c in price(HUNDRED[2]).explanations["BTC_CAD"].candidates if f"{c.source}:{c.market}" == name)
        for name in ("ndax:BTC_CAD", "kraken:XBTUSD")
    )
    assert (ndax.rate, ndax.rate_source, ndax.price_cad) == (Decimal(1), "", Decimal(100))
    assert (kraken.price, kraken.price_cad, kraken.age_ms) == (None, None, None)


def test_a_refused_market_shows_its_rate_if_there_is_one() -> None:
    refused = replace(HUNDRED[1], refused="crossed")
    for rates, shown in ((AT_PAR, (Decimal(1), "kraken:USDCAD")), ({}, (None, ""))):
        told = price(refused, rates=rates).explanations["BTC_CAD"].candidates
        assert [(c.rate, c.rate_source) for c in told if c.market == "XBTUSD"] == [shown]


def test_an_age_is_a_number_that_every_client_can_read() -> None:
    nonsense = replace(at("coinbase:BTC-USD"), ts_ms=-(10**400), has_book=False, refused="old")
    (found,) = (c for c in price(nonsense).explanations["BTC_CAD"].candidates if c.source == "coinbase")
    assert found.age_ms == 2**53 - 1


def test_an_explanation_marks_an_old_last_trade() -> None:
    priced = price(replace(HUNDRED[0], old_last=True), *HUNDRED[1:])
    assert [c.market for c in priced.explanations["BTC_CAD"].candidates if c.old_last] == ["BTCUSDT"]


def test_an_explanation_has_the_reference_and_the_dispersion() -> None:
    priced = price(at("binance:BTCUSDT", "99.5"), HUNDRED[1], at("ndax:BTC_CAD", "100.5"))
    told = priced.explanations["BTC_CAD"]
    assert (told.reference, told.dispersion, told.sources) == (Decimal(100), Decimal("0.005"), 3)


def test_a_market_that_its_own_rate_favours_is_outside_of_the_band() -> None:
    """It is near the others, but not as they would be without the rate of its source."""
    priced = price_all(Snapshot(), HUNDRED, AT_PAR, NOW_MS, 15_000, tilts={"binance": (Decimal("1.5"),)})
    told = {c.source: (c.verdict, c.reason) for c in priced.explanations["BTC_CAD"].candidates if c.price}
    assert told["binance"] == ("passed_over", "outside_band")
    assert told["kraken"] == ("taken", "first_in_band")


@pytest.mark.parametrize(
    ("market", "symbol", "history_h", "is_marked"),
    [
        ("binance:BTCUSDT", "BTC_CAD", 24, False),
        ("binance:BTCUSDT", "BTC_CAD", 2, True),
        ("ndax:BTC_CAD", "BTC_CAD", 2, False),
        ("kraken:USDTCAD", "USDT_CAD", 24, False),
        ("kraken:USDTCAD", "USDT_CAD", 2, True),
    ],
)
def test_an_explanation_marks_a_change_without_a_past_rate(
    market: str, symbol: str, history_h: int, is_marked: bool
) -> None:
    opened = None if symbol == "USDT_CAD" else Decimal(90)
    old = Snapshot(usdt_cad_history=((NOW_MS - history_h * HOUR_MS, Decimal(1)),))
    priced = price_all(old, [replace(at(market, "1"), open_24h=opened)], AT_PAR, NOW_MS, 15_000)
    assert priced.explanations[symbol].change_at_current_rate is is_marked


def test_a_sources_second_market_is_behind_its_first_near_the_past() -> None:
    """It has no vote, and is judged by the price that was taken, not by the middle of two that disagree."""
    case = Case(
        (at("binance:BTCUSDT", "120"), at("kraken:XBTCAD"), HUNDRED[1]),
        *("kraken:XBTUSD", "passed_over", "behind"),
        confirmed="100",
    )
    found = explained(case)
    assert (found.verdict, found.reason, found.vote) == (case.verdict, case.reason, False)
