"""The single numbers that alarms watch: how old the quotes are, and how long the sources have been silent."""

from dataclasses import replace

from functions.ingest.health import quotes_age_ms, sources_silent_ms
from shared.model.assets import catalogue
from shared.model.staleness import DROP_AFTER_MS
from shared.model.values import Snapshot, SourceState
from tests.samples import NOW_MS, quote


def aged(ages_s: list[int]) -> Snapshot:
    """A snapshot with the first symbols' quotes of these ages."""
    symbols = list(catalogue())
    return Snapshot(
        quotes={
            symbol: replace(quote(symbol), seen_ms=NOW_MS - age_s * 1000)
            for symbol, age_s in zip(symbols, ages_s, strict=False)
        }
    )


def test_a_few_old_quotes_do_not_count() -> None:
    of_all = len(catalogue())
    few = of_all // 4
    assert quotes_age_ms(aged([1] * (of_all - few) + [500] * few), NOW_MS) == 1_000
    assert quotes_age_ms(aged([1] * (of_all - few - 1) + [500] * (few + 1)), NOW_MS) == 500_000


def test_a_symbol_without_a_price_counts_as_a_day_old() -> None:
    of_all = len(catalogue())
    assert quotes_age_ms(aged([1] * (of_all - of_all // 4)), NOW_MS) == 1_000
    assert quotes_age_ms(aged([1] * (of_all // 2)), NOW_MS) == DROP_AFTER_MS
    assert quotes_age_ms(Snapshot(), NOW_MS) == DROP_AFTER_MS


def test_a_quote_from_the_future_has_no_age() -> None:
    assert quotes_age_ms(aged([-60] * len(catalogue())), NOW_MS) == 0


def test_the_silence_begins_with_the_last_answer_of_any_source() -> None:
    states = {"kraken": SourceState(ok_ms=NOW_MS - 70_000), "binance": SourceState(ok_ms=NOW_MS - 90_000)}
    assert sources_silent_ms(states, NOW_MS) == 70_000
    assert sources_silent_ms(states, NOW_MS - 80_000) == 0
    assert sources_silent_ms({}, NOW_MS) == DROP_AFTER_MS


def test_a_source_of_rates_alone_breaks_no_silence() -> None:
    states = {"er_api": SourceState(ok_ms=NOW_MS), "ndax": SourceState(ok_ms=NOW_MS - 40_000)}
    assert sources_silent_ms(states, NOW_MS) == 40_000
