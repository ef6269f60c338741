"""Requests that no limit of a client bounds: AWS bills each of them, whatever answers it.

A web ACL is the cheapest answer that AWS has. CloudFront does not charge for what it blocks, but the web ACL itself
charges for every request that it looks at, unless a flat-rate plan covers both. It takes a while to notice a flood, so
who sends in bursts gets more through.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from infra.config import WAF_WINDOW_S, FeedConfig
from infra.region_quota import connect_pace, document_pace
from shared.requests.prices import kinds
from tools.cost import measured, prices
from tools.cost.of_a_request import at_the_edge, of_a_document, of_a_refusal, view_bytes

DAY_S = Decimal(86_400)
DAY_MONTHS = 24 / prices.MONTH_HOURS
WAF_LIMIT = 100  # requests of an address in five minutes
# "Usually, this delay is below 30 seconds."
# https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-caveats.html
WAF_NOTICES_S = Decimal(30)
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
CONNECTS_PER_S = Decimal(500)
REQUESTS_PER_S = Decimal(1_000)  # as much as one machine asks of CloudFront
PACED = FeedConfig(connect_rate=50, document_rate=10)


class _Through(NamedTuple):
    """The requests a second that pass the web ACL, and those of them that the stage's throttle does, too."""

    passed_per_s: Decimal
    answered_per_s: Decimal


@dataclass(frozen=True, slots=True)
class Flood:
    """What an address sends all day.

    `per_s`: its requests a second; `answered_per_s`: how many of them the stage's throttle lets through, if it has one.
    `answer`, `behind`: the dollars of one that is answered, for the bytes that CloudFront sends and for what it causes
    behind CloudFront. API Gateway does not charge for what it throttles (https://aws.amazon.com/api-gateway/pricing/).
    """

    name: str
    per_s: Decimal
    answered_per_s: Decimal
    answer: Decimal
    behind: Decimal

    @property
    def a_day(self) -> Decimal:
        """The dollars a day without a web ACL."""
        return self._cost(self.per_s, self.answered_per_s)

    def a_day_with_waf(self, limit: int) -> Decimal:
        """Return the dollars a day with a web ACL of that limit, of the dearer way: without a pause, or in bursts."""
        fixed = prices.WAF_ACL_MONTH.of(DAY_MONTHS) + prices.WAF_RULE_MONTH.of(DAY_MONTHS)
        steady = self._looked_at(self.per_s) + self._cost(*self._steady(limit))
        in_bursts = self._in_bursts(limit)
        return fixed + max(steady, self._looked_at(in_bursts.passed_per_s) + self._cost(*in_bursts))

    def a_day_on_plan(self, limit: int) -> Decimal:
        """Return the dollars a day on the cheapest plan, which covers CloudFront and the web ACL."""
        answered = max(self._steady(limit).answered_per_s, self._in_bursts(limit).answered_per_s)
        return DAY_S * answered * self.behind

    def _cost(self, passed_per_s: Decimal, answered_per_s: Decimal) -> Decimal:
        return DAY_S * (passed_per_s * at_the_edge(0) + answered_per_s * (self.answer + self.behind))

    @staticmethod
    def _looked_at(per_s: Decimal) -> Decimal:
        return DAY_S * prices.WAF_REQUEST.of(per_s)

    def _steady(self, limit: int) -> _Through:
        passed = min(self.per_s, Decimal(limit) / WAF_WINDOW_S)
        return _Through(passed, min(passed, self.answered_per_s))

    def _in_bursts(self, limit: int) -> _Through:
        """Return what gets through if it floods until it is noticed, and then waits a window."""
        cycle_s = WAF_NOTICES_S + WAF_WINDOW_S
        return _Through(
            *(min(rate, (limit + WAF_NOTICES_S * rate) / cycle_s) for rate in (self.per_s, self.answered_per_s))
        )


def floods(config: FeedConfig) -> list[Flood]:
    """Return the floods of a feed with these settings: handshakes that are refused, and documents, some that no cache
    has, and some from the caches."""
    candles = kinds()["`history`, 500 candles"]
    of_candles = candles.size_bytes + measured.RESPONSE_HEADER_BYTES
    connects_per_s = min(REQUESTS_PER_S, CONNECTS_PER_S, Decimal(connect_pace(config).rate))
    fetched_per_s = min(REQUESTS_PER_S, Decimal(document_pace(config).rate))
    kept = at_the_edge(view_bytes()) - at_the_edge(0)
    return [
        Flood("handshakes, all refused", REQUESTS_PER_S, connects_per_s, Decimal(0), of_a_refusal()),
        Flood(
            "documents of 500 candles that no cache has",
            REQUESTS_PER_S,
            fetched_per_s,
            at_the_edge(of_candles) - at_the_edge(0),
            of_a_document(candles),
        ),
        Flood("`rates.json` from the caches", REQUESTS_PER_S, REQUESTS_PER_S, kept, Decimal(0)),
    ]


def table() -> str:
    """Return a row per flood, as Markdown, in US dollars a day: by default, with lower rates, and with a web ACL and
    what can be added to it."""
    limited = f"with `waf_rate_limit={WAF_LIMIT}`"
    rates = f"`connect_rate={PACED.connect_rate}` `document_rate={PACED.document_rate}`"
    columns = f"$ a day | with {rates} | {limited} | and `cloudfront_plan` | and these rates"
    rows = [f"| an address asks for | a second | {columns} |", "|---|---:|---:|---:|---:|---:|---:|"]
    for flood, paced in zip(floods(FeedConfig()), floods(PACED), strict=True):
        costs = (
            flood.a_day,
            paced.a_day,
            flood.a_day_with_waf(WAF_LIMIT),
            *(each.a_day_on_plan(WAF_LIMIT) for each in (flood, paced)),
        )
        rows.append(f"| {flood.name} | {flood.per_s:,} | {' | '.join(f'{dollars:,.2f}' for dollars in costs)} |")
    return "\n".join(rows)
