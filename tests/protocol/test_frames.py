"""The exact text of outbound frames, and one encoding per view for any number of connections."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from shared.model.assets import catalogue
from shared.model.channels import PERCENT, RATES, RATES_BATCH
from shared.model.delta import Delta
from shared.model.explanation import Candidate, Explanation, Explanations
from shared.model.pace import Pace
from shared.model.values import Connection, Quote, Snapshot, SourceState, Suspicion
from shared.model.wire import dumps, loads
from shared.pricing.fx import DAY_MS
from shared.protocol import (
    ERRORS,
    QuoteTexts,
    SnapshotFrames,
    Subscription,
    UpdateFrames,
    assets_frames,
    closing_frame,
    error_frame,
    explain_frame,
    heartbeat_frame,
    pong_frame,
    rate_limited_frame,
    snapshot_frames,
    source_status,
    subscribed_frames,
    subscriptions_frame,
    unsubscribed_frame,
)
from tests.samples import NOW_MS, SYMBOLS, after, quote, quotes

SHIB = Quote(
    symbol="SHIB_CAD",
    bid=Decimal("0.0000124251260"),
    ask=Decimal("0.00001245"),
    spot=Decimal("0.000012439404"),
    change=Decimal("-0.000000026694"),
    change_pct=Decimal("-0.215054"),
    source="binance:SHIBUSDT x parity:USDTUSD x kraken:USDCAD",
    ts_ms=1_718_707_723_456,
    seen_ms=1_718_707_724_000,
    seq=41,
    sources=3,
)
SHIB_JSON = (
    b'{"symbol":"SHIB_CAD","timestamp":1718707723,"bid":0.000012425126,"ask":0.0000124500,"spot":0.000012439404,'
    b'"change":-0.0000000266940,"change_pct":-0.215054,"ts":1718707723456,"seq":41,'
    b'"source":"binance:SHIBUSDT x parity:USDTUSD x kraken:USDCAD","sources":3}'
)
FLAGGED = quote("BTC_CAD", "100000000", stale=True, simulated=True, change=Decimal(0), change_pct=Decimal("0.000000"))
DOUBT = Suspicion(3, NOW_MS)
SOURCES = {
    "binance": SourceState(NOW_MS),
    "kraken": SourceState(NOW_MS, "HTTP 503"),
    "coinbase": SourceState(error="no answer in 3 s"),
}
ALL_CONTROL = [
    *subscribed_frames(Subscription(RATES, ("BTC_CAD",), ("XYZ_CAD",)), 1),
    unsubscribed_frame(1, RATES),
    rate_limited_frame(400, 1),
    *assets_frames(Snapshot(), 1),
    subscriptions_frame(Connection("a", {RATES: None}, paces={RATES: Pace(60)}), 1),
    pong_frame(NOW_MS, 1),
    error_frame("bad_request", "no", 1),
]


def test_a_quote_on_rates_is_one_frame_with_every_digit() -> None:
    snapshot = Snapshot(seq=41, ts_ms=NOW_MS, quotes={"SHIB_CAD": SHIB})
    assert snapshot_frames(snapshot, RATES, None) == (b'{"channel":"rates","event":"data","data":' + SHIB_JSON + b"}",)


def test_a_snapshot_on_rates_batch_is_one_frame_with_the_id() -> None:
    snapshot = Snapshot(
        seq=43, ts_ms=NOW_MS, quotes={"SHIB_CAD": SHIB}, unavailable={"DAI_CAD": 7, "LTC_CAD": 7}, sources=SOURCES
    )
    assert snapshot_frames(snapshot, RATES_BATCH, ("SHIB_CAD", "DAI_CAD"), "a") == (
        b'{"channel":"rates_batch","event":"snapshot","seq":41,"ts":1718707723456,"data":['
        + SHIB_JSON
        + b'],"unavailable":["DAI_CAD"],"status":{"binance":"ok","kraken":"down","coinbase":"down"},"id":"a"}',
    )


def test_a_heartbeat_has_the_stale_symbols_and_source_states() -> None:
    snapshot = Snapshot(seq=43, ts_ms=NOW_MS, quotes={"BTC_CAD": FLAGGED, "SHIB_CAD": SHIB}, sources=SOURCES)
    assert heartbeat_frame(snapshot) == (
        b'{"event":"heartbeat","ts":1718707723456,"seq":43,"stale":["BTC_CAD"],'
        b'"status":{"binance":"ok","kraken":"down","coinbase":"down"}}'
    )
    assert heartbeat_frame(Snapshot()) == b'{"event":"heartbeat","ts":0,"seq":0,"stale":[],"status":{}}'


def test_a_source_status_is_suspect_or_down() -> None:
    """It is suspect until it agrees again, and down when it does not answer."""
    snapshot = Snapshot(sources=SOURCES, suspects={"binance": DOUBT, "kraken": DOUBT, "ndax": DOUBT})
    assert source_status(snapshot) == {"binance": "suspect", "kraken": "down", "coinbase": "down"}
    assert source_status(replace(snapshot, suspects={}))["binance"] == "ok"


def test_only_a_late_feed_has_the_field_late() -> None:
    snapshot = Snapshot(sources=SOURCES)
    assert "feed" not in source_status(snapshot)
    late = source_status(replace(snapshot, late=True))
    assert next(iter(late.items())) == ("feed", "late")
    assert late == {"feed": "late"} | source_status(snapshot)


def test_a_late_feed_says_so_on_both_channels() -> None:
    late = Snapshot(seq=43, ts_ms=NOW_MS, quotes={"SHIB_CAD": replace(SHIB, stale=True)}, sources=SOURCES, late=True)
    (batch,) = snapshot_frames(late, RATES_BATCH, None)
    assert loads(batch)["status"]["feed"] == "late"
    data, heartbeat = snapshot_frames(late, RATES, None)
    assert loads(data)["data"]["stale"] is True
    assert heartbeat == heartbeat_frame(late)
    assert (loads(heartbeat)["stale"], loads(heartbeat)["status"]["feed"]) == (["SHIB_CAD"], "late")
    assert SnapshotFrames(late).of(RATES, ("BTC_CAD",)) == (heartbeat,)


@pytest.mark.parametrize(("silence_ms", "has_status"), [(5_000, False), (30_000, False), (30_001, True)])
def test_the_first_update_after_a_silence_ends_late(silence_ms: int, has_status: bool) -> None:
    old = after(Snapshot(), quotes(), NOW_MS - silence_ms)
    new = replace(after(old, quotes("1")), sources=old.sources)
    (update,) = UpdateFrames(Delta(old, new)).of(RATES_BATCH, None)
    assert ("status" in loads(update)) is has_status


def test_the_next_update_says_when_suspicion_begins_or_ends() -> None:
    snapshots = [after(Snapshot(), quotes())]
    for number, suspects in enumerate(({}, {"binance": DOUBT}, {"binance": Suspicion(2, NOW_MS)}, {})):
        later = after(snapshots[-1], quotes(str(number + 1)), NOW_MS + number)
        snapshots.append(replace(later, suspects=suspects))
    frames = [UpdateFrames(Delta(old, new)).of(RATES_BATCH, None) for old, new in pairwise(snapshots)]
    suspect, ok = {"binance": "suspect"}, {"binance": "ok"}
    assert [loads(frame).get("status") for (frame,) in frames] == [None, suspect, None, ok]


EXPLAINED = Explanation(
    symbol="SHIB_CAD",
    reference=Decimal("0.0000124394040"),
    dispersion=Decimal("0.0001"),
    sources=1,
    candidates=(
        Candidate(
            "binance", "SHIBUSDT", "USDT", Decimal("0.00000905"), Decimal("1.3745"), "kraken:USDTCAD",
            Decimal("0.000012439225"), 120, True, "taken", "first_in_band", old_last=True,
        ),
        Candidate("kraken", "SHIBUSD", "USD", None, None, "", None, None, False, "unusable", "no_answer"),
    ),
)  # fmt: skip


def test_an_explanation_has_every_market_with_null_for_unknown() -> None:
    """Every number has all its digits."""
    assert explain_frame(EXPLAINED, Explanations(43, NOW_MS), 1) == (
        b'{"event":"explain","symbol":"SHIB_CAD","seq":43,"ts":1718707723456,"reference":0.000012439404,'
        b'"dispersion":0.000100000,"band":0.0200000,"sources":1,"candidates":[{"source":"binance","market":"SHIBUSDT",'
        b'"currency":"USDT","price":0.00000905000,"rate":1.37450,"rate_source":"kraken:USDTCAD",'
        b'"price_cad":0.000012439225,"age_ms":120,"vote":true,"verdict":"taken","reason":"first_in_band",'
        b'"old_last":true},{"source":"kraken","market":"SHIBUSD","currency":"USD","price":null,"rate":null,'
        b'"rate_source":"","price_cad":null,"age_ms":null,"vote":false,"verdict":"unusable","reason":"no_answer"}],'
        b'"id":1}'
    )


def test_an_explanation_names_the_assets_own_band() -> None:
    for symbol, asset in catalogue().items():
        frame = explain_frame(Explanation(symbol, None, None, 0, ()), Explanations(1, NOW_MS), None)
        assert loads(frame)["band"] == asset.band


def test_the_six_renamed_assets_say_so_and_no_other_does() -> None:
    (frame,) = snapshot_frames(after(Snapshot(), quotes()), RATES_BATCH, None)
    rows = loads(frame)["data"]
    assert {row["symbol"]: row["renamed_to"] for row in rows if "renamed_to" in row} == {
        "MATIC_CAD": "POL_CAD",
        "MKR_CAD": "SKY_CAD",
        "EOS_CAD": "A_CAD",
        "FTM_CAD": "S_CAD",
        "UST_CAD": "USTC_CAD",
        "RNDR_CAD": "RENDER_CAD",
    }
    (frame,) = snapshot_frames(after(Snapshot(), quotes()), RATES, ("FTM_CAD",))
    assert loads(frame)["data"]["renamed_to"] == "S_CAD"


def test_an_update_has_the_changed_quotes_and_the_seq_before() -> None:
    old = Snapshot(seq=40, ts_ms=NOW_MS - 30_000, quotes={"BTC_CAD": quote(seq=39)})
    new = Snapshot(seq=41, ts_ms=NOW_MS, quotes={"BTC_CAD": quote(seq=39), "SHIB_CAD": SHIB})
    assert UpdateFrames(Delta(old, new)).of(RATES_BATCH, None) == (
        b'{"channel":"rates_batch","event":"update","seq":41,"prev_seq":39,"ts":1718707723456,"data":['
        + SHIB_JSON
        + b"]}",
    )


def test_stale_and_simulated_quotes_say_so() -> None:
    """A change of nothing is a zero."""
    (frame,) = snapshot_frames(Snapshot(quotes={"BTC_CAD": FLAGGED}), RATES, None)
    data = loads(frame)["data"]
    assert (data["stale"], data["simulated"]) == (True, True)
    assert b'"spot":100000000,"change":0,"change_pct":0,' in frame
    (healthy,) = snapshot_frames(Snapshot(quotes={"BTC_CAD": quote()}), RATES, None)
    assert not loads(healthy)["data"].keys() & {"stale", "simulated"}


def test_the_change_on_rates_may_be_a_percentage() -> None:
    """Everywhere else it is the amount."""
    snapshot = after(Snapshot(), {"SHIB_CAD": SHIB})
    texts = QuoteTexts(snapshot, PERCENT)
    for frames in (
        snapshot_frames(snapshot, RATES, ("SHIB_CAD",), texts=texts),
        UpdateFrames(Delta(Snapshot(), snapshot), texts=texts).of(RATES, None),
    ):
        data = loads(frames[0])["data"]
        assert (data["change"], data["change_pct"]) == (SHIB.change_pct, SHIB.change_pct)
    (batch,) = snapshot_frames(snapshot, RATES_BATCH, ("SHIB_CAD",), texts=texts)
    assert loads(batch)["data"][0]["change"] == SHIB.change


def test_the_change_is_a_number_and_the_timestamp_is_in_seconds() -> None:
    for frame in snapshot_frames(after(Snapshot(), quotes() | {"BTC_CAD": FLAGGED}), RATES, None):
        data = loads(frame)["data"]
        for key in ("bid", "ask", "spot", "change", "change_pct"):
            assert type(data[key]) in (int, Decimal)
        assert data["timestamp"] == data["ts"] // 1000


def test_an_acknowledgement_has_accepted_and_rejected_symbols() -> None:
    assert subscribed_frames(Subscription(RATES, ("BTC_CAD",)), None) == (
        b'{"event":"subscribed","status":"subscribed","channel":"rates","symbols":["BTC_CAD"]}',
    )
    (partly,) = subscribed_frames(Subscription(RATES_BATCH, ("BTC_CAD",), ("XYZ_CAD",)), 1)
    assert partly == (
        b'{"event":"subscribed","status":"subscribed","channel":"rates_batch","symbols":["BTC_CAD"],'
        b'"rejected":[{"symbol":"XYZ_CAD","code":"unknown_symbol","message":"no such symbol"}],"id":1}'
    )
    (everything,) = subscribed_frames(Subscription(RATES, None), None)
    assert loads(everything)["symbols"] == SYMBOLS


def test_other_answers_have_their_exact_text() -> None:
    assert unsubscribed_frame("b") == b'{"event":"unsubscribed","status":"unsubscribed","id":"b"}'
    assert unsubscribed_frame("b", RATES, ["BTC_CAD"], ["XYZ_CAD"]) == (
        b'{"event":"unsubscribed","status":"unsubscribed","channel":"rates","symbols":["BTC_CAD"],'
        b'"rejected":[{"symbol":"XYZ_CAD","code":"unknown_symbol","message":"no such symbol"}],"id":"b"}'
    )
    assert pong_frame(NOW_MS, 0) == b'{"event":"pong","ts":1718707723456,"id":0}'
    assert subscriptions_frame(Connection("a", {RATES_BATCH: ("BTC_CAD",)}), None) == (
        b'{"event":"subscriptions","subscriptions":[{"channel":"rates_batch","symbols":["BTC_CAD"]}]}'
    )
    assert loads(subscriptions_frame(Connection("a", {RATES: None}), None))["subscriptions"][0]["symbols"] == SYMBOLS
    assert error_frame("bad_json", "the message is not JSON") == (
        b'{"event":"error","code":"bad_json","message":"the message is not JSON","retryable":false}'
    )
    assert error_frame("unavailable", "try again", 1) == (
        b'{"event":"error","code":"unavailable","message":"try again","retryable":true,"id":1}'
    )
    assert rate_limited_frame(400, "c") == (
        b'{"event":"error","code":"rate_limited","message":"too many messages; try again in 400 ms","retryable":true,'
        b'"retry_in_ms":400,"id":"c"}'
    )
    assert closing_frame(7, NOW_MS) == (
        b'{"event":"closing","reason":"max_duration","reconnect_in_ms":7,"ts":1718707723456}'
    )


@pytest.mark.parametrize("frame", ALL_CONTROL)
def test_a_control_frame_carries_no_data(frame: bytes) -> None:
    message: dict[str, Any] = loads(frame)
    assert "data" not in message
    assert message["id"] == 1


def test_a_view_sees_its_own_symbols_only() -> None:
    snapshot = after(Snapshot(), quotes())
    changed = after(snapshot, quotes() | {"BTC_CAD": quote(spot="1"), "ETH_CAD": quote("ETH_CAD", "2")}, NOW_MS + 1_000)
    frames = UpdateFrames(Delta(snapshot, changed))
    assert [loads(frame)["data"]["symbol"] for frame in frames.of(RATES, ("ETH_CAD", "LTC_CAD"))] == ["ETH_CAD"]
    (batch,) = frames.of(RATES_BATCH, ("BTC_CAD",))
    assert [row["symbol"] for row in loads(batch)["data"]] == ["BTC_CAD"]
    assert frames.of(RATES_BATCH, ("LTC_CAD",)) == frames.of(RATES, ("LTC_CAD",)) == ()
    assert len(snapshot_frames(snapshot, RATES, ("BTC_CAD", "ETH_CAD"))) == 2


def test_only_rates_batch_names_a_symbol_that_lost_its_price() -> None:
    first = after(after(Snapshot(), quotes()), quotes(symbols=SYMBOLS[1:]), NOW_MS + DAY_MS)
    lost = after(first, quotes(symbols=SYMBOLS[1:]), NOW_MS + DAY_MS + 1)
    frames = UpdateFrames(Delta(first, lost))
    (batch,) = frames.of(RATES_BATCH, None)
    assert (loads(batch)["data"], loads(batch)["unavailable"]) == ([], ["BTC_CAD"])
    assert frames.of(RATES, None) == ()
    later = after(lost, quotes("3", SYMBOLS[1:]), NOW_MS + DAY_MS + 2)
    (batch,) = UpdateFrames(Delta(lost, later)).of(RATES_BATCH, None)
    assert "unavailable" not in loads(batch)


def test_an_update_has_source_states_when_they_changed() -> None:
    """Connections that may have missed a change get them too."""
    snapshots = [replace(after(Snapshot(), quotes()), sources={"binance": SourceState(NOW_MS)})]
    for number, error in enumerate(("", "HTTP 503", "no answer in 3 s", "")):
        later = after(snapshots[-1], quotes(str(number + 1)), NOW_MS + number)
        snapshots.append(replace(later, sources={"binance": SourceState(NOW_MS + number, error)}))
    first, *others = snapshots
    frames = [UpdateFrames(Delta(old, new)).of(RATES_BATCH, ("BTC_CAD",)) for old, new in pairwise(snapshots)]
    down, ok = {"binance": "down"}, {"binance": "ok"}
    assert [loads(frame).get("status") for (frame,) in frames] == [None, down, None, ok]
    (missed,) = UpdateFrames(Delta(others[-3], others[-2]), first.seq).of(RATES_BATCH, ("BTC_CAD",))
    assert loads(missed)["status"] == down


@pytest.mark.parametrize("view", [None, ("BTC_CAD",), ("BTC_CAD", "ETH_CAD")])
def test_prev_seq_of_an_update_is_the_seq_of_the_frame_before(view: tuple[str, ...] | None) -> None:
    snapshots = [after(Snapshot(), quotes())]
    for number, symbols in enumerate((["BTC_CAD"], ["ETH_CAD"], ["LTC_CAD"], ["BTC_CAD", "ETH_CAD"], [], ["BTC_CAD"])):
        fresh = {**snapshots[-1].quotes, **quotes(str(number + 1), symbols)}
        snapshots.append(after(snapshots[-1], fresh, NOW_MS + number))
    frames = list(snapshot_frames(snapshots[0], RATES_BATCH, view))
    for old, new in pairwise(snapshots):
        frames += UpdateFrames(Delta(old, new)).of(RATES_BATCH, view)
    messages = [loads(frame) for frame in frames]
    assert len(messages) >= 3
    for before, message in pairwise(messages):
        assert message["prev_seq"] == before["seq"] < message["seq"]


def test_a_shared_view_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[object] = []

    def counting(value: object) -> str:
        encoded.append(value)
        return dumps(value)

    for module in ("frames", "quotes", "updates"):
        monkeypatch.setattr(f"shared.protocol.{module}.dumps", counting)
    new = after(Snapshot(), quotes())
    texts = QuoteTexts(new)
    frames, snapshots = UpdateFrames(Delta(Snapshot(), new), texts=texts), SnapshotFrames(new, texts)
    for _ in range(1_000):
        frames.of(RATES_BATCH, None)
        snapshots.of(RATES_BATCH, None)
        snapshots.of(RATES, ("BTC_CAD",))
        frames.of(RATES_BATCH, ("BTC_CAD", "ETH_CAD"))
        frames.of(RATES, ("BTC_CAD", "ETH_CAD"))
        frames.of(RATES, ("XYZ_CAD",))
    assert len(encoded) == (1 + 1 + 2) + (1 + 1) + len(SYMBOLS)  # frames; each quote is encoded once for all of them
    assert frames.of(RATES_BATCH, None) is frames.of(RATES_BATCH, None)


def test_an_error_says_whether_it_is_retryable() -> None:
    retryable = {code for code in ERRORS if loads(error_frame(code, "no"))["retryable"]}
    assert retryable == {"unavailable", "rate_limited", "channel_full"}
    with pytest.raises(KeyError):
        error_frame("no_such_code", "no")


def test_assets_frames_hold_the_catalogue_in_order() -> None:
    snapshot = Snapshot(quotes={"BTC_CAD": quote(), "ETH_CAD": quote("ETH_CAD", stale=True)})
    (frame,) = assets_frames(snapshot, "a")
    answer = loads(frame)
    assert (answer["event"], answer["id"]) == ("assets", "a")
    assert [asset["symbol"] for asset in answer["assets"]] == SYMBOLS
    assert answer["assets"][0] == {
        "symbol": "BTC_CAD", "base": "BTC", "quote": "CAD", "name": "Bitcoin", "decimals": 2, "status": "live",
    }  # fmt: skip
    by_symbol = {asset["symbol"]: asset for asset in answer["assets"]}
    assert by_symbol["ETH_CAD"]["status"] == "stale"
    assert by_symbol["MATIC_CAD"]["renamed_to"] == "POL_CAD"
    assert {asset["status"] for symbol, asset in by_symbol.items() if symbol not in snapshot.quotes} == {"unavailable"}


def test_quotes_on_rates_echo_the_id_of_their_request() -> None:
    snapshot = after(Snapshot(), quotes())
    asked = snapshot_frames(snapshot, RATES, ("BTC_CAD", "ETH_CAD"), 5)
    assert [loads(frame)["id"] for frame in asked] == [5, 5]
    assert all("id" not in loads(frame) for frame in snapshot_frames(snapshot, RATES, None))
