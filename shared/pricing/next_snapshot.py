"""A tick: from the sources' answers to the next snapshot. Pure."""

from dataclasses import replace

from shared.model.recent import with_tick
from shared.model.staleness import Ages
from shared.model.values import Polled, Snapshot
from shared.pricing.advance import advance
from shared.pricing.candles import roll
from shared.pricing.fx import currencies, hourly, stated_rates
from shared.pricing.quotes import price_all


def next_snapshot(old: Snapshot, polled: Polled, now_ms: int, limits: Ages) -> Snapshot:
    """The snapshot after `old`, from the sources' answers in this tick."""
    stated = stated_rates(old.stated_fx_rates, polled.tickers, now_ms)
    currency = currencies(old, stated, now_ms)
    priced = price_all(old, polled.tickers, currency.fx_rates, now_ms, limits.fresh_ms, currency.tilts)
    new = advance(old, priced.quotes, stated, polled.states, now_ms=now_ms, stale_after_ms=limits.stale_ms)
    candles, closed = roll(old.candles, new.quotes, now_ms)
    return replace(
        new,
        fx_rates=currency.fx_rates,
        memories={**priced.memories, **currency.memories},
        suspects=priced.suspects,
        usd_cad_history=hourly(old.usd_cad_history, currency.fx_rates.get("USD"), now_ms),
        usdt_cad_history=hourly(old.usdt_cad_history, currency.fx_rates.get("USDT"), now_ms),
        candles=candles,
        recent=with_tick(old.recent, now_ms, new.seq),
        closed=tuple(closed),
        held=priced.held,
        explained=priced.explanations,
    )
