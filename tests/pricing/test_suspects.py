"""A source that contradicts all others in many markets loses its vote until it has agreed for three ticks."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from shared.model.values import Suspicion
from shared.pricing.consensus import Offer
from shared.pricing.suspects import AssetOffers, suspects

NOW_MS = 1_800_000_000_000
BAND = Decimal("0.02")
FRESH_MS = 15_000


def offer(source: str, mid: str) -> Offer:
    price = Decimal(mid)
    return Offer(source, price, price, price, price, 0)


def offered(
    wrong: int, markets: int = 20, *, by: str = "120", others: tuple[str, str] = ("100", "100.5")
) -> list[AssetOffers]:
    """Return the offers of assets at three sources; Binance deviates in the first ones."""
    kraken, coinbase = others
    return [
        AssetOffers(
            [offer("binance", by if n < wrong else "100"), offer("kraken", kraken), offer("coinbase", coinbase)], BAND
        )
        for n in range(markets)
    ]


def suspected(before: Mapping[str, int], said: list[AssetOffers], later_s: int = 0) -> dict[str, int]:
    """Return the ticks in which each suspect must still agree; the known ones contradicted the others just now."""
    known = {source: Suspicion(ticks, NOW_MS) for source, ticks in before.items()}
    found = suspects(known, said, FRESH_MS, NOW_MS + later_s * 1000)
    return {source: doubt.ticks for source, doubt in found.items()}


def test_a_source_is_suspect_over_a_quarter_and_three_markets() -> None:
    """It must be an outlier in more than a quarter of its markets and in at least three."""
    assert suspected({}, offered(5)) == {}
    assert suspected({}, offered(6)) == {"binance": 3}
    assert suspected({}, offered(2, markets=4)) == {}
    assert suspected({}, offered(3, markets=4)) == {"binance": 3}


def test_an_outlier_has_two_others_agreeing_against_it() -> None:
    """Without two that agree nobody is known to be wrong."""
    assert suspected({}, offered(20, others=("100", "80"))) == {}


def test_two_sources_that_disagree_make_no_outlier() -> None:
    two = [AssetOffers([offer("binance", "120"), offer("kraken", "100")], BAND)] * 20
    assert suspected({}, two) == {}
    assert suspected({"binance": 3, "kraken": 1}, two) == {"binance": 3, "kraken": 1}


def test_a_suspect_is_trusted_again_after_three_agreeing_ticks() -> None:
    known = {"binance": 3}
    seen = []
    for _ in range(3):
        known = suspected(known, offered(0))
        seen.append(dict(known))
    assert seen == [{"binance": 2}, {"binance": 1}, {}]
    assert suspected({"binance": 1}, offered(20)) == {"binance": 3}


def test_one_other_that_agrees_is_enough_to_be_trusted_again() -> None:
    two = [AssetOffers([offer("binance", "100"), offer("kraken", "100.5")], BAND)]
    assert suspected({"binance": 2}, two) == {"binance": 1}


def test_a_suspect_nobody_can_judge_is_trusted_after_a_minute() -> None:
    alone = [AssetOffers([offer("binance", "100")], BAND)] * 20
    assert suspected({"binance": 3}, alone, 59) == {"binance": 3}
    assert suspected({"binance": 3}, alone, 60) == {}


def test_a_silent_suspect_stays_suspect() -> None:
    silent = [AssetOffers([offer(s, "100") for s in ("kraken", "ndax", "coinbase")], BAND)] * 20
    assert suspected({"binance": 2}, silent, 3600) == {"binance": 2}


def test_an_old_vote_has_a_wider_band() -> None:
    def said(age_s: int, price: str = "104") -> list[AssetOffers]:
        late = replace(offer("coingecko", price), age_ms=age_s * 1000)
        return [AssetOffers([offer("binance", "100"), offer("kraken", "100"), late], BAND)] * 20

    assert suspected({}, said(15)) == {"coingecko": 3}
    assert suspected({}, said(45)) == {}
    assert suspected({}, said(45, "105")) == {}
    assert suspected({}, said(44, "105")) == {"coingecko": 3}
