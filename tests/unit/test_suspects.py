"""A source that contradicts all others in many markets loses its vote until it has agreed for three ticks."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from shared.model.values import Suspicion
from shared.pricing.consensus import Offer
from shared.pricing.suspects import Ballot, suspects

NOW_MS = 1_800_000_000_000
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


def suspected(before: Mapping[str, int], said: list[Ballot], later_s: int = 0) -> dict[str, int]:
    """The ticks in which each suspect still has to agree; those of before contradicted the others just now."""
    known = {source: Suspicion(ticks, NOW_MS) for source, ticks in before.items()}
    found = suspects(known, said, FRESH_MS, NOW_MS + later_s * 1000)
    return {source: doubt.ticks for source, doubt in found.items()}


def test_more_than_a_quarter_of_its_markets_and_at_least_three_make_a_source_suspect() -> None:
    assert suspected({}, ballots(5)) == {}
    assert suspected({}, ballots(6)) == {"binance": 3}
    assert suspected({}, ballots(2, markets=4)) == {}
    assert suspected({}, ballots(3, markets=4)) == {"binance": 3}


def test_an_outlier_is_one_that_two_others_agree_against() -> None:
    """Where no two agree nobody can be said to be wrong."""
    assert suspected({}, ballots(20, others=("100", "80"))) == {}


def test_of_two_that_disagree_nobody_knows_which_is_wrong() -> None:
    two = [Ballot([offer("binance", "120"), offer("kraken", "100")], BAND)] * 20
    assert suspected({}, two) == {}
    assert suspected({"binance": 3, "kraken": 1}, two) == {"binance": 3, "kraken": 1}


def test_a_suspect_is_trusted_again_after_three_ticks_of_agreement() -> None:
    known = {"binance": 3}
    seen = []
    for _ in range(3):
        known = suspected(known, ballots(0))
        seen.append(dict(known))
    assert seen == [{"binance": 2}, {"binance": 1}, {}]
    assert suspected({"binance": 1}, ballots(20)) == {"binance": 3}


def test_one_other_that_agrees_is_enough_to_be_trusted_again() -> None:
    two = [Ballot([offer("binance", "100"), offer("kraken", "100.5")], BAND)]
    assert suspected({"binance": 2}, two) == {"binance": 1}


def test_a_suspect_that_nobody_can_judge_is_trusted_again_after_a_minute() -> None:
    alone = [Ballot([offer("binance", "100")], BAND)] * 20
    assert suspected({"binance": 3}, alone, 59) == {"binance": 3}
    assert suspected({"binance": 3}, alone, 60) == {}


def test_a_suspect_that_says_nothing_stays_one() -> None:
    silent = [Ballot([offer(s, "100") for s in ("kraken", "ndax", "coinbase")], BAND)] * 20
    assert suspected({"binance": 2}, silent, 3600) == {"binance": 2}


def test_an_old_vote_may_be_as_far_off_as_a_market_moves_meanwhile() -> None:
    def said(age_s: int) -> list[Ballot]:
        late = replace(offer("coingecko", "104"), age_ms=age_s * 1000)
        return [Ballot([offer("binance", "100"), offer("kraken", "100"), late], BAND)] * 20

    assert suspected({}, said(15)) == {"coingecko": 3}
    assert suspected({}, said(45)) == {}
