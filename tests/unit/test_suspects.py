"""A source that contradicts all others in many markets loses its vote until it has agreed for three ticks."""

from decimal import Decimal

from shared.pricing.consensus import Offer
from shared.pricing.suspects import Ballot, suspects

BAND = Decimal("0.02")
FRESH_MS = 15_000


def offer(source: str, mid: str) -> Offer:
    price = Decimal(mid)
    return Offer(source, price, price, price, price, 0)


def ballots(
    wrong: int, markets: int = 20, *, by: str = "120", others: tuple[str, str] = ("100", "100.5")
) -> list[Ballot]:
    """So many assets at three sources; in the first ones Binance says something else."""
    kraken, coinbase = others
    return [
        Ballot(
            [offer("binance", by if n < wrong else "100"), offer("kraken", kraken), offer("coinbase", coinbase)], BAND
        )
        for n in range(markets)
    ]


def test_more_than_a_quarter_of_its_markets_and_at_least_three_make_a_source_suspect() -> None:
    assert suspects({}, ballots(5), FRESH_MS) == {}
    assert suspects({}, ballots(6), FRESH_MS) == {"binance": 3}
    assert suspects({}, ballots(2, markets=4), FRESH_MS) == {}
    assert suspects({}, ballots(3, markets=4), FRESH_MS) == {"binance": 3}


def test_an_outlier_is_one_that_two_others_agree_against() -> None:
    """Where no two agree nobody can be said to be wrong."""
    assert suspects({}, ballots(20, others=("100", "80")), FRESH_MS) == {}


def test_a_market_at_two_sources_says_nothing_of_either() -> None:
    two = [Ballot([offer("binance", "120"), offer("kraken", "100")], BAND)] * 20
    assert suspects({}, two, FRESH_MS) == {}


def test_a_suspect_is_trusted_again_after_three_ticks_of_agreement() -> None:
    known = {"binance": 3}
    seen = []
    for _ in range(3):
        known = suspects(known, ballots(0), FRESH_MS)
        seen.append(dict(known))
    assert seen == [{"binance": 2}, {"binance": 1}, {}]
    assert suspects({"binance": 1}, ballots(20), FRESH_MS) == {"binance": 3}


def test_a_suspect_that_says_nothing_stays_one() -> None:
    silent = [Ballot([offer(s, "100") for s in ("kraken", "ndax", "coinbase")], BAND)] * 20
    assert suspects({"binance": 2}, silent, FRESH_MS) == {"binance": 2}
