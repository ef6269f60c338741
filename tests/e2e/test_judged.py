"""The judgement can fail: it finds a planted wrong price, a lost update, an older quote, silence, a late recovery."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest

from shared import protocol
from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.protocol import UpdateFrames
from tests.e2e import clients, judged
from tests.e2e.clients import Told
from tests.e2e.judged import TELL_TICKS, Judgement, Watch
from tests.samples import NOW_MS, SYMBOLS, after, quotes

if TYPE_CHECKING:
    from shared.store.quotes_table import QuotesTable

TICK_MS, DELIVERY_MS = 1_000, 100
TICKS = 12
BEGINS, ENDS = 3, 6  # the fault, after these ticks
CHANNELS = ("rates_batch", "rates")

# What the network does to the frames of a tick: it gets the frames of all ticks, and the tick.
Network = Callable[[list[list[bytes]], int], Iterable[bytes]]


@dataclass
class Clock:
    """The time that the judge and the clients see."""

    ms: int = NOW_MS

    def time_ns(self) -> int:
        return self.ms * 1_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(judged, "time", made)
    monkeypatch.setattr(clients, "time", made)
    return made


def right(ticks: list[list[bytes]], tick: int) -> list[bytes]:
    return ticks[tick]


def judgement(clock: Clock, network: Network, channel: str = "rates_batch") -> Judgement:
    """Judge two clients, one of which is told every tick, and one what the network passes on."""
    watch = Watch(cast("QuotesTable", None), TICK_MS // 1_000)
    old = after(Snapshot(), quotes(), clock.ms)
    watch.truth.add(old)
    watch.clients = [Told(), Told()]
    for client in watch.clients:
        tell(client, protocol.snapshot_frames(old, channel, None))
    ticks: list[list[bytes]] = []
    for tick in range(TICKS):
        if tick == BEGINS:
            watch.begin()
        if tick == ENDS:
            watch.over()
        clock.ms += TICK_MS - DELIVERY_MS
        new = after(old, quotes(spot=str(70_000 + tick)), clock.ms)
        watch.truth.add(new)
        clock.ms += DELIVERY_MS
        ticks.append(list(UpdateFrames(Delta(old, new)).of(channel, None)))
        tell(watch.clients[0], ticks[tick])
        tell(watch.clients[1], network(ticks, tick))
        old = new
    return watch.judge("planted")


def tell(client: Told, texts: Iterable[bytes]) -> None:
    for text in texts:
        client.add(text)


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_is_told_right_is_right(clock: Clock, channel: str) -> None:
    found = judgement(clock, right, channel)
    judged_ticks = TICKS - BEGINS - TELL_TICKS
    assert found.expected == found.delivered == 2 * judged_ticks * len(SYMBOLS)
    assert (found.healed, found.lost, found.wrong, found.older, found.unseen) == (0, 0, 0, 0, 0)
    assert found.longest_silence_ticks == 1
    assert found.recovery_ticks == 1


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_wrong_price_is_found(clock: Clock, channel: str) -> None:
    def network(ticks: list[list[bytes]], tick: int) -> list[bytes]:
        if tick != ENDS:
            return ticks[tick]
        first, *others = ticks[tick]
        return [first.replace(b'"spot":70006', b'"spot":70007', 1), *others]

    assert judgement(clock, network, channel).wrong == 1


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_update_that_a_newer_one_replaces_is_not_lost(clock: Clock, channel: str) -> None:
    found = judgement(clock, lambda ticks, tick: [] if tick == ENDS - 1 else ticks[tick], channel)
    assert (found.lost, found.wrong, found.healed) == (0, 0, len(SYMBOLS))
    assert found.longest_silence_ticks == 2


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_update_that_is_never_told_is_lost(clock: Clock, channel: str) -> None:
    found = judgement(clock, lambda ticks, tick: [] if tick >= ENDS else ticks[tick], channel)
    assert found.lost > len(SYMBOLS)
    assert found.recovery_ticks == TICKS - ENDS


def test_a_lost_quote_of_one_symbol_is_found(clock: Clock) -> None:
    found = judgement(clock, lambda ticks, tick: ticks[tick][1:] if tick >= ENDS else ticks[tick], "rates")
    assert found.lost == TICKS - ENDS - TELL_TICKS + 1  # of each tick that is judged, and of the last one


def test_an_older_quote_after_a_newer_one_is_found(clock: Clock) -> None:
    found = judgement(clock, lambda ticks, tick: [*ticks[tick], *ticks[tick - 1][:2]], "rates")
    assert found.older == 2 * (TICKS - BEGINS)
    assert found.wrong == 0


def test_a_quote_that_no_look_at_the_table_saw_is_counted(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    add = judged.Truth.add
    missed = iter([False] * (ENDS + 1) + [True])
    monkeypatch.setattr(judged.Truth, "add", lambda truth, new: None if next(missed, False) else add(truth, new))
    assert judgement(clock, right).unseen == 2 * len(SYMBOLS)


def test_the_slowest_client_counts_for_the_recovery(clock: Clock) -> None:
    found = judgement(clock, lambda ticks, tick: ticks[tick] if tick not in {ENDS, ENDS + 1} else [])
    assert found.recovery_ticks == 3
    assert found.longest_silence_ticks == 3
