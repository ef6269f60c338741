"""One batch of posts: takes connections from an iterator and counts the outcomes."""

import heapq
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

from shared.gateway.delivery import Addressed, Delivery, Posts
from shared.gateway.outcomes import RETRIED, Posted, outcome_of
from shared.gateway.signer import Signer
from shared.gateway.token_bucket import TokenBucket

RETRIES = 2
RETRY_BASE_S = 0.1
GONE_BATCH = 25
ASK_EVERY_S = 0.25
FIRST_IN_FLIGHT = 128  # a TLS handshake costs as much as many posts, so only a long batch opens more connections
GROW_AFTER = 8  # posts per slot
IDLE_SHARE = 0.1


class Batch:
    """Takes a connection when a slot and a token are free, so memory does not grow with the number of connections."""

    def __init__(
        self,
        addressed: Addressed,
        posts: Posts,
        signer: Signer,
        bucket: TokenBucket,
        *,
        deadline_s: float,
        in_flight: int,
        on_gone: Callable[[Sequence[str]], None],
        overtaken: Callable[[], bool],
    ) -> None:
        self.posted = Posted()
        self.slots = min(max(FIRST_IN_FLIGHT, posts.connections()), in_flight)
        self._began_at = time.monotonic()
        self._deadline = self._began_at + deadline_s
        self._ask_at = self._began_at + ASK_EVERY_S
        self._addressed = iter(addressed)
        self._more = True
        self._exhausted = False
        self._stopped = False
        self._posts = posts
        self._signer = signer
        self._bucket = bucket
        self._in_flight = in_flight
        self._grow_at = GROW_AFTER * self.slots
        self._grown_at, self._idle_s = self._began_at, posts.idle_s
        self._on_gone = on_gone
        self._overtaken = overtaken
        self._gone: list[str] = []
        self._next: deque[Delivery] = deque()
        self._retries: list[tuple[float, int, Delivery]] = []
        self._order = count()

    def run(self) -> Posted:
        """Post until everything is sent, the deadline passes, or newer frames overtake these and no post is in flight.

        Raises:
            OSError: the file of trusted certificates cannot be read.
        """
        posted = self.posted
        left: list[Delivery] = []
        try:
            self._posts.prepare(self._deadline - self._began_at)
            while (now := time.monotonic()) < self._deadline:
                wait_s = self._fill(now)
                if not (len(self._posts) or self._next or self._retries or self._more):
                    break
                for delivery, status, kind, detail in self._posts.step(wait_s):
                    self._settle(delivery, status, kind, detail)
        finally:
            left = self._posts.abandon()
        posted.outcomes.update("given_up" for _ in left)
        posted.unsent += len(left) + len(self._next) + len(self._retries)
        self._hand_over_gone()
        posted.complete = self._exhausted and not (posted.unsent or posted.failures)
        posted.elapsed_ms = round((time.monotonic() - self._began_at) * 1000)
        return posted

    def _fill(self, now: float) -> float:
        """Start every post that may start now. Returns the seconds until another one may."""
        self._look(now)
        wait_s = min(self._deadline, self._ask_at) - now
        tokens = self._bucket.available(now)
        room = self.slots - len(self._posts)
        now_s = time.time()
        started = 0
        limit = min(room, tokens)
        while started < limit and time.monotonic() < self._deadline and (delivery := self._next_delivery(now)):
            frame = delivery.frames[delivery.position]
            request = self._signer.request(delivery.quoted_id, frame, now_s)
            self._posts.begin(delivery, request, fresh=delivery.fresh)
            started += 1
        self._bucket.take(started)
        self.posted.posts += started
        if started == room < tokens and self.posted.posts >= self._grow_at:
            self._grow(now)
        elif started < room and started == tokens:
            wait_s = min(wait_s, self._bucket.wait_s())
        elif self._retries and started < room:
            wait_s = min(wait_s, self._retries[0][0] - now)
        return wait_s

    def _grow(self, now: float) -> None:
        """Add a quarter more slots if this thread is idle, which means that posts wait for slots."""
        idle_s = self._posts.idle_s
        if idle_s - self._idle_s > IDLE_SHARE * (now - self._grown_at):
            self.slots = min(self._in_flight, self.slots + self.slots // 4)
        self._grow_at = self.posted.posts + GROW_AFTER * self.slots
        self._grown_at, self._idle_s = now, idle_s

    def _next_delivery(self, now: float) -> Delivery | None:
        """The next delivery: a retry that is due, a connection's next frame, or a new connection."""
        if self._retries and self._retries[0][0] <= now:
            return heapq.heappop(self._retries)[2]
        if self._next:
            return self._next.popleft()
        while self._more and len(self._retries) < 4 * self._in_flight:
            try:
                connection_id, frames = next(self._addressed)
            except StopIteration:
                self._more, self._exhausted = False, True
            except Exception as error:  # noqa: BLE001 - connections already taken are served, the caller gets the error
                self._more = False
                self.posted.error = self.posted.error or error
            else:
                if not frames:
                    self.posted.reached += 1
                elif self._is_overtaken_since(now):
                    self.posted.unsent += 1
                else:
                    return Delivery(connection_id, frames)
        return None

    def _is_overtaken_since(self, then: float) -> bool:
        """Whether newer frames overtook these while the next connection was read, if that took long."""
        at = time.monotonic()
        if at - then > ASK_EVERY_S:
            self._look(at)
        return self._stopped

    def _look(self, now: float) -> None:
        """Stop if newer frames overtake these. Asks no more often than every `ASK_EVERY_S`."""
        if now >= self._ask_at:
            self._ask_at = now + ASK_EVERY_S
            if not self._stopped and self._call_safely(self._overtaken):
                self._stop()

    def _settle(self, delivery: Delivery, status: int, kind: str, detail: str) -> None:
        posted = self.posted
        outcome = outcome_of(status, kind)
        posted.outcomes[outcome] += 1
        if outcome == "ok":
            posted.frames += 1
            posted.bytes += len(delivery.frames[delivery.position])
            delivery.position += 1
            delivery.fails, delivery.fresh = 0, False
            if delivery.position == len(delivery.frames):
                posted.reached += 1
            elif self._stopped:
                posted.unsent += 1
            else:
                self._next.append(delivery)
        elif outcome == "gone":
            posted.gone += 1
            self._gone.append(delivery.connection_id)
            if len(self._gone) == GONE_BATCH:
                self._hand_over_gone()
        elif outcome in RETRIED and delivery.fails < RETRIES and self._stopped:
            posted.unsent += 1
        elif outcome not in RETRIED or not self._retry(delivery, over_new_connection=not status):
            posted.fail(delivery.connection_id, f"{outcome}: {status or detail}")

    def _retry(self, delivery: Delivery, *, over_new_connection: bool) -> bool:
        """Retry after a random time, if that is before the deadline. Returns whether it will be retried.

        https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
        """
        due = time.monotonic() + random.random() * RETRY_BASE_S * 2**delivery.fails  # noqa: S311 - spreads, hides nothing
        if delivery.fails == RETRIES or due >= self._deadline:
            return False
        delivery.fails += 1
        delivery.fresh = over_new_connection
        heapq.heappush(self._retries, (due, next(self._order), delivery))
        return True

    def _stop(self) -> None:
        """Send nothing more; posts in flight may finish."""
        self._stopped = True
        self._more = False
        self.posted.unsent += len(self._next) + len(self._retries)
        self._next.clear()
        self._retries.clear()

    def _hand_over_gone(self) -> None:
        gone, self._gone = self._gone, []
        if gone:
            self._call_safely(lambda: self._on_gone(gone))

    def _call_safely(self, call: Callable[[], object]) -> object:
        """Call a function of the caller. An exception is reported at the end, and posting continues."""
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - see above
            self.posted.error = self.posted.error or error
            return None
