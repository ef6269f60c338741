"""Frames from every builder of the protocol, with all their fields and with as few as possible."""

from dataclasses import fields, replace
from decimal import Decimal

from shared.model.candles import Candle
from shared.model.channels import RATES, RATES_BATCH, RATES_COMPACT
from shared.model.delta import Delta
from shared.model.explanation import Explanation, Explanations
from shared.model.pace import Pace
from shared.model.trends import Trends
from shared.model.values import Connection, Quote, Snapshot, SourceState, Suspicion
from shared.model.wire import Encoded
from shared.protocol import (
    ERRORS,
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
    subscribed_frames,
    subscriptions_frame,
    trends_frames,
    unsubscribed_frame,
)
from shared.requests.history import HistoryRequest, encode_history
from tests.samples import NOW_MS, SYMBOLS, explanation, quote, quotes

SOME = {bool: True, int: 41, str: "some", Decimal: Decimal("0.5")}
# A quote with all its fields, and one with as few as possible.
FULL = quote(
    "FTM_CAD", "0.0000123", **{field.name: SOME[type(field.default)] for field in fields(Quote) if not field.default}
)
PLAIN = quote("BTC_CAD", "100000000", seq=42, change=Decimal(0), change_pct=Decimal(0))
SOURCES = {"binance": SourceState(NOW_MS), "kraken": SourceState(NOW_MS), "er_api": SourceState(NOW_MS, "HTTP 503")}
OLD = Snapshot(seq=40, ts_ms=NOW_MS - 5_000, quotes={"BTC_CAD": replace(PLAIN, seq=40)})
NEW = Snapshot(
    seq=42,
    ts_ms=NOW_MS,
    quotes={**quotes(symbols=SYMBOLS[40:], seq=42), "BTC_CAD": PLAIN, "FTM_CAD": FULL},
    unavailable={"DAI_CAD": 42, "LTC_CAD": 7},
    sources=SOURCES,
    suspects={"kraken": Suspicion(3, NOW_MS)},
)
VIEW = ("BTC_CAD", "FTM_CAD", "LTC_CAD", "DAI_CAD")
LONG = "\N{GRINNING FACE}" * 36
IDS = (None, 0, -(2**63), 2**63 - 1, "", LONG)
PRICE = Decimal("0.0000123")
CANDLES = [
    Candle(60_000 * minute, PRICE, PRICE, PRICE, PRICE, ticks=(0, 1, 17_280, None)[minute % 4]) for minute in range(500)
]
TRENDS = Trends(NOW_MS, dict.fromkeys(SYMBOLS, (None, *23 * [Decimal("0.000012345")])))
VOTELESS = Explanation("ETH_CAD", None, None, 0, explanation().candidates[-1:])
EXPLAINED = explanation()
EXPLANATIONS = Explanations(42, NOW_MS, {"BTC_CAD": EXPLAINED, "ETH_CAD": VOTELESS})
ASKED = HistoryRequest("BTC_CAD", "1m", 500, None, None)


def built() -> dict[str, list[bytes]]:
    """Return frames by their message in the contract."""
    return {
        "subscribed": [
            frame
            for message_id in IDS
            for view in (None, VIEW)
            for rejected in ((), ("XYZ_CAD", "\ud800"))
            for every_s in (0, 60)
            for frame in subscribed_frames(Subscription(RATES, view, rejected, every_s), message_id)
        ],
        "unsubscribed": [
            unsubscribed_frame(None),
            unsubscribed_frame(LONG, RATES, (), ("XYZ_CAD",)),
            unsubscribed_frame(1, RATES_BATCH, VIEW),
        ],
        "subscriptions": [
            subscriptions_frame(Connection("a", {}), None),
            subscriptions_frame(Connection("a", {RATES: None, RATES_BATCH: VIEW}, paces={RATES_BATCH: Pace(60)}), LONG),
        ],
        "assets": [*assets_frames(Snapshot(), None), *assets_frames(NEW, LONG)],
        "history": [
            *encode_history(ASKED, [], None),
            *encode_history(replace(ASKED, message_id=LONG), CANDLES, CANDLES[-1]),
        ],
        "trends": [*trends_frames(Trends(), None), *trends_frames(TRENDS, LONG)],
        "explain": [
            explain_frame(each, EXPLANATIONS, message_id)
            for message_id in IDS
            for each in EXPLANATIONS.by_symbol.values()
        ],
        "pong": [pong_frame(NOW_MS, None), *(pong_frame(NOW_MS, 1, stamp) for stamp in (1, "mine", Encoded("1E+400")))],
        "error": [
            *(error_frame(code, "no", 1) for code in ERRORS if code != "rate_limited"),
            error_frame("bad_json", "no"),
            rate_limited_frame(180, None),
        ],
        "data": [
            *snapshot_frames(NEW, RATES, None),
            *snapshot_frames(NEW, RATES, None, LONG),
            *SnapshotFrames(NEW).of(RATES, VIEW),
            *UpdateFrames(Delta(OLD, NEW)).of(RATES, VIEW),
        ],
        "compactSnapshot": [
            *snapshot_frames(NEW, RATES_COMPACT, None, LONG),
            *snapshot_frames(Snapshot(), RATES_COMPACT, ("BTC_CAD",)),
            *SnapshotFrames(NEW).of(RATES_COMPACT, VIEW),
            *SnapshotFrames(NEW, known=NEW).of(RATES_COMPACT, VIEW, knows=True),
        ],
        "compactUpdate": [
            *UpdateFrames(Delta(OLD, NEW)).of(RATES_COMPACT, VIEW),
            *UpdateFrames(Delta(OLD, NEW)).of(RATES_COMPACT, ("BTC_CAD",)),
            *UpdateFrames(Delta(OLD, NEW), since=7).of(RATES_COMPACT, None),
        ],
        "snapshot": [
            *snapshot_frames(NEW, RATES_BATCH, None, LONG),
            *snapshot_frames(Snapshot(), RATES_BATCH, VIEW),
            *SnapshotFrames(NEW).of(RATES_BATCH, VIEW),
        ],
        "update": [
            *UpdateFrames(Delta(OLD, NEW)).of(RATES_BATCH, VIEW),
            *UpdateFrames(Delta(OLD, NEW)).of(RATES_BATCH, ("BTC_CAD",)),
            *UpdateFrames(Delta(OLD, NEW), since=7).of(RATES_BATCH, None),
        ],
        "heartbeat": [
            heartbeat_frame(Snapshot()),
            heartbeat_frame(NEW),
            snapshot_frames(replace(NEW, late=True), RATES, None)[-1],
        ],
        "closing": [closing_frame(0, NOW_MS), closing_frame(480_000, NOW_MS)],
    }
