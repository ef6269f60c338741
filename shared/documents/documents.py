"""Makes the documents from the tables, and judges them by the clock of this moment, as every reader of a snapshot does.

A price that is not live is never in a document as if it were: an old quote is marked as `stale`, as on the WebSocket,
and while the feed is late there are no prices at all but the problem `late`, which says when to try again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared.documents.answers import Answer, answer_without_document, document_answer, problem_answer
from shared.documents.caching import Document, rest_of_tick_s
from shared.documents.candles import candles_csv, candles_json
from shared.documents.paths import CSV, JSON, Kind, Wanted, wanted
from shared.documents.problems import Problem
from shared.documents.queries import history_asked, symbol_asked, unfolded, view_asked
from shared.documents.quotes import coins_json, quote_json, quotes_csv, quotes_json
from shared.documents.readers import Readers
from shared.documents.status import LATE, state_of, status_fields
from shared.model.staleness import Ages, as_of
from shared.model.values import Snapshot
from shared.model.wire import dumps
from shared.protocol import listed_assets
from shared.requests.history import candles_asked
from shared.store.quotes_table import QuotesTable
from shared.store.whole_history import WholeHistory

logger = Logger(child=True)

MEDIA_TYPES = {JSON: "application/json", CSV: "text/csv; charset=utf-8; header=present"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `query` is as it was sent, without its question mark; an edge puts its fields into the path. Headers
    have names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """The snapshot as of `now_ms`, and since when at the latest it tells what it tells now."""

    snapshot: Snapshot
    now_ms: int
    changed_ms: int


class Documents:
    """Answers requests for documents. `failed` is called when AWS does not answer."""

    def __init__(
        self,
        quotes: QuotesTable,
        history: WholeHistory,
        readers: Readers,
        limits: Ages,
        *,
        tick_seconds: int,
        failed: Callable[[], None],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._quotes = quotes
        self._history = history
        self._readers = readers
        self._limits = limits
        self._tick_seconds = tick_seconds
        self._failed = failed
        self._now_ms = now_ms

    def answer(self, request: Request) -> Answer:
        """The document that the request asks for, or a problem. It raises nothing that a reader can cause."""
        if answer := answer_without_document(request.method, len(request.path) + len(request.query)):
            return answer
        path, query = unfolded(request.path, request.query)
        try:
            asked = _asked(path)
            body, seen = self._document(asked, query)
        except Problem as problem:
            return problem_answer(problem)
        except (ClientError, BotoCoreError):
            logger.exception("request failed")
            self._failed()
            return problem_answer(Problem("unavailable", "the feed could not do this just now; try again"))
        document = Document(body, MEDIA_TYPES[asked.form], seen.snapshot.seq, seen.changed_ms)
        left_s = rest_of_tick_s(seen.snapshot.ts_ms, self._tick_seconds * 1000, seen.now_ms)
        return document_answer(document, left_s, request.headers)

    def _document(self, asked: Wanted, query: str) -> tuple[bytes, Seen]:
        """The body, and the snapshot that it was made from.

        Raises:
            Problem: there is no such document, or none now.
            ClientError, BotoCoreError: DynamoDB does not answer.
        """
        match asked.kind:
            case Kind.QUOTES:
                view = view_asked(query)
                seen = self._live()
                return (quotes_csv if asked.form == CSV else quotes_json)(seen.snapshot, view), seen
            case Kind.QUOTE:
                symbol = symbol_asked(asked)
                seen = self._live()
                return quote_json(seen.snapshot, symbol), seen
            case Kind.COINS:
                seen = self._live()
                return coins_json(seen.snapshot), seen
            case Kind.ASSETS:
                seen = self._seen()
                return dumps({"assets": listed_assets(seen.snapshot)}).encode(), seen
            case Kind.STATUS:
                return self._status()
            case Kind.HISTORY:
                return self._candles(asked, query)

    def _seen(self) -> Seen:
        """The stored snapshot, judged by the clock of this moment."""
        stored, now_ms = self._quotes.readable_snapshot(), self._now_ms()
        judged = as_of(stored, now_ms, self._limits)
        is_as_written = 0 < stored.ts_ms <= now_ms and not judged.late and judged.quotes == stored.quotes
        return Seen(judged, now_ms, stored.ts_ms if is_as_written else now_ms)

    def _live(self) -> Seen:
        """The snapshot for a document with prices. Its reader counts as a listener.

        Raises:
            Problem: the feed is late.
        """
        seen = self._seen()
        is_late = seen.snapshot.late or not seen.snapshot.seq
        self._readers.heard(seen.now_ms, is_late=is_late)
        if is_late:
            raise Problem("late", "the feed has no current prices; it has been told that you wait")
        return seen

    def _status(self) -> tuple[bytes, Seen]:
        """A client that watches does not count as a listener: else a feed that nobody needs would run on."""
        seen, is_heard = self._seen(), self._quotes.counted_audience().is_heard(self._now_ms())
        state = state_of(seen.snapshot, is_heard=is_heard, now_ms=seen.now_ms, limits=self._limits)
        fields = status_fields(seen.snapshot, state, seen.now_ms)
        if state == LATE:
            raise Problem("late", "the feed has written no prices for too long", fields)
        return dumps(fields).encode(), replace(seen, changed_ms=seen.now_ms)

    def _candles(self, asked: Wanted, query: str) -> tuple[bytes, Seen]:
        """The snapshot is read before the table, so that a candle that closes in between is not missed. A late feed
        tells no candle in progress: that may have closed at another price."""
        wanted_candles = history_asked(asked, query)
        seen = self._seen()
        in_progress = {} if seen.snapshot.late else seen.snapshot.candles
        closed, current = candles_asked(wanted_candles, self._history, in_progress, seen.now_ms)
        if asked.form == CSV:
            return candles_csv(closed), seen
        return candles_json(wanted_candles, closed, current), seen


def _asked(path: str) -> Wanted:
    if found := wanted(path):
        return found
    raise Problem("not_found", "there is no document of this name")
