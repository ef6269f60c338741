"""The exchange's controls over HTTP: its state, its faults, steps of its market, and its honest prices."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from shared.model.wire import dumps
from tools.simulator.binance import WeightMeter
from tools.simulator.faults import UPSTREAMS, BadFault, Fault, Upstream, parse_faults
from tools.simulator.honest import honest
from tools.simulator.market import CannotStep, Market, Moment

MOST_STEPS = 1_000_000
PATH_COUNTS = ("since_start", "since_reset", "over_limit_since_start", "over_limit_since_reset")


class Controlled(Protocol):
    """The parts of the exchange that the controls use."""

    market: Market
    meter: WeightMeter
    faults: dict[Upstream, Fault]
    requests_since_start: Counter[Upstream]
    requests_since_reset: Counter[Upstream]
    statuses_since_reset: Counter[tuple[Upstream, int]]
    paths: dict[str, Upstream]
    requests_of_paths: Counter[tuple[str, str]]
    unanswered: int
    most_unanswered_since_reset: int

    def now(self) -> Moment: ...

    def set_faults(self, faults: Mapping[Upstream, Fault]) -> None: ...


def routes(exchange: Controlled) -> list[web.RouteDef]:
    """`GET /control/state`, `POST /control/faults`, `POST /control/step`, `POST /control/reset_counts`.

    Each answers with the state after it, or with status 400 and `{"error": "what is wrong"}`.
    `GET /control/honest?at_ms=1767225600000` gives what every source would have said at that time (default: now)
    without its faults (`honest.py`).
    """

    async def get_state(request: web.Request) -> web.Response:  # noqa: ARG001
        return _json(state(exchange))

    async def get_honest(request: web.Request) -> web.Response:
        at_ms = request.query.get("at_ms", str(exchange.now().now_ms))
        if not re.fullmatch(r"\d{1,15}", at_ms):
            return _json({"error": "at_ms: Unix milliseconds"}, 400)
        moment = exchange.market.moment(int(at_ms))
        return web.Response(text=dumps(honest(exchange.market, moment)), content_type="application/json")

    async def post_faults(request: web.Request) -> web.Response:
        try:
            exchange.set_faults(parse_faults(await _body(request)))
        except BadFault as error:
            return _json({"error": str(error)}, 400)
        return _json(state(exchange))

    async def post_step(request: web.Request) -> web.Response:
        try:
            unit, count = _step(await _body(request))
            exchange.market.step(unit, count)
        except (BadFault, CannotStep) as error:
            return _json({"error": str(error)}, 400)
        return _json(state(exchange))

    async def post_reset_counts(request: web.Request) -> web.Response:  # noqa: ARG001
        exchange.requests_since_reset.clear()
        exchange.statuses_since_reset.clear()
        for counted in list(exchange.requests_of_paths):
            if counted[1].endswith("since_reset"):
                del exchange.requests_of_paths[counted]
        exchange.most_unanswered_since_reset = exchange.unanswered
        return _json(state(exchange))

    return [
        web.get("/control/state", get_state),
        web.get("/control/honest", get_honest),
        web.post("/control/faults", post_faults),
        web.post("/control/step", post_step),
        web.post("/control/reset_counts", post_reset_counts),
    ]


def state(exchange: Controlled) -> dict[str, object]:
    """Return the state for tests: the market's position, the faults, and the counts of requests."""
    return {
        "market": {"origin": exchange.market.origin, **exchange.market.describe(exchange.now())},
        "faults": {upstream: fault.as_json() for upstream, fault in exchange.faults.items() if fault.as_json()},
        "requests": {
            upstream: {
                "since_start": exchange.requests_since_start[upstream],
                "since_reset": exchange.requests_since_reset[upstream],
                "statuses_since_reset": {
                    str(status): count
                    for (of, status), count in sorted(exchange.statuses_since_reset.items())
                    if of == upstream
                },
            }
            for upstream in UPSTREAMS
        },
        # How many requests waited for their answers at the same time.
        "unanswered": {"now": exchange.unanswered, "most_since_reset": exchange.most_unanswered_since_reset},
        # By path: how many requests it got, and how many of them were refused because a limit was reached.
        "paths": {
            path: {"upstream": upstream, **{count: exchange.requests_of_paths[path, count] for count in PATH_COUNTS}}
            for path, upstream in exchange.paths.items()
        },
        "binance_weight": {"used_this_minute": exchange.meter.used, "limit": exchange.meter.limit},
    }


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.text())
    except ValueError:
        raise BadFault("the body is not JSON") from None


def _step(body: object) -> tuple[str, int]:
    if not isinstance(body, dict) or len(body) != 1 or not body.keys() <= {"minutes", "steps"}:
        raise CannotStep('a step is {"minutes": 1} for candles or {"steps": 1} for the simulated market')
    unit, count = next(iter(body.items()))
    if isinstance(count, bool) or not isinstance(count, int) or not 0 < count <= MOST_STEPS:
        raise CannotStep(f"{unit}: a whole number from 1 to {MOST_STEPS}")
    return unit, count


def _json(body: dict[str, object], status: int = 200) -> web.Response:
    return web.json_response(body, status=status)
