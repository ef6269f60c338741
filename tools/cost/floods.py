"""Requests that no limit of a client bounds: AWS bills each of them, whatever answers it.

A web ACL is the cheapest answer that AWS has. CloudFront does not charge for what it blocks, but the web ACL itself
charges for every request that it looks at, unless a flat-rate plan covers both. It takes a while to notice a flood, so
who sends in bursts gets more through.
"""

from dataclasses import dataclass
from decimal import Decimal

from infra.config import WAF_WINDOW_S, FeedConfig
from infra.region_quota import document_pace
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
KEPT_PER_S = Decimal(1_000)  # as much as one machine asks of CloudFront, which answers by itself


@dataclass(frozen=True, slots=True)
class Flood:
    """What an address sends all day: requests a second, and the dollars of one that is let through, `edge` for
    CloudFront and `behind` for what it then causes."""

    name: str
    per_s: Decimal
    edge: Decimal
    behind: Decimal

    @property
    def a_day(self) -> Decimal:
        """The dollars a day without a web ACL."""
        return DAY_S * self.per_s * (self.edge + self.behind)

    def a_day_with_waf(self, limit: int) -> Decimal:
        """Return the dollars a day with a web ACL of that limit, of the dearer way: without a pause, or in bursts."""
        each, look = self.edge + self.behind, prices.WAF_REQUEST.of(Decimal(1))
        steady, bursts = self._steady_per_s(limit), self._in_bursts_per_s(limit)
        fixed = prices.WAF_ACL_MONTH.of(DAY_MONTHS) + prices.WAF_RULE_MONTH.of(DAY_MONTHS)
        return fixed + DAY_S * max(steady * each + self.per_s * look, bursts * (each + look))

    def a_day_on_plan(self, limit: int) -> Decimal:
        """Return the dollars a day on the cheapest plan, which covers CloudFront and the web ACL."""
        passed_per_s = max(self._steady_per_s(limit), self._in_bursts_per_s(limit))
        return DAY_S * passed_per_s * self.behind

    def _steady_per_s(self, limit: int) -> Decimal:
        return min(self.per_s, Decimal(limit) / WAF_WINDOW_S)

    def _in_bursts_per_s(self, limit: int) -> Decimal:
        """Return the requests a second that get through if it floods until it is noticed, and then waits a window."""
        return min(self.per_s, (limit + WAF_NOTICES_S * self.per_s) / (WAF_NOTICES_S + WAF_WINDOW_S))


def floods() -> list[Flood]:
    """Return the floods: handshakes that are refused and documents that no cache has, as often as AWS or the stage lets
    all clients together, and documents from the caches."""
    candles = kinds()["`history`, 500 candles"]
    fetched_per_s = Decimal(document_pace(FeedConfig()).rate)
    of_candles = at_the_edge(candles.size_bytes + measured.RESPONSE_HEADER_BYTES)
    return [
        Flood("handshakes, all refused", CONNECTS_PER_S, at_the_edge(0), of_a_refusal()),
        Flood("documents of 500 candles that no cache has", fetched_per_s, of_candles, of_a_document(candles)),
        Flood("`rates.json` from the caches", KEPT_PER_S, at_the_edge(view_bytes()), Decimal(0)),
    ]


def table() -> str:
    """Return a row per flood, as Markdown, in US dollars a day."""
    limited = f"with `waf_rate_limit={WAF_LIMIT}`"
    rows = [
        f"| an address asks for | a second | $ a day | {limited} | and `cloudfront_plan` |",
        "|---|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {flood.name} | {flood.per_s:,} | {flood.a_day:,.2f} | {flood.a_day_with_waf(WAF_LIMIT):,.2f} "
        f"| {flood.a_day_on_plan(WAF_LIMIT):,.2f} |"
        for flood in floods()
    ]
    return "\n".join(rows)
