"""Requests that no limit of a client bounds: AWS bills each of them, whatever answers it.

A web ACL is the cheapest answer that AWS has. CloudFront does not charge for what it blocks, but the web ACL itself
charges for every request that it looks at.
"""

from dataclasses import dataclass
from decimal import Decimal

from infra.config import WAF_WINDOW_S, FeedConfig
from infra.region_quota import document_pace
from shared.requests.prices import kinds
from tools.cost import prices
from tools.cost.of_a_request import of_a_document, of_a_refusal

DAY_S = Decimal(86_400)
DAY_MONTHS = 24 / prices.MONTH_HOURS
WAF_LIMIT = 100  # requests of an address in five minutes
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
CONNECTS_PER_S = Decimal(500)
KEPT_PER_S = Decimal(1_000)  # as much as one machine asks of CloudFront, which answers by itself


@dataclass(frozen=True, slots=True)
class Flood:
    """What an address sends all day: requests a second, and the dollars of one that is let through."""

    name: str
    per_s: Decimal
    dollars: Decimal

    @property
    def a_day(self) -> Decimal:
        """The dollars a day without a web ACL."""
        return DAY_S * self.per_s * self.dollars

    def a_day_with_waf(self, limit: int) -> Decimal:
        """Return the dollars a day with a web ACL that lets `limit` requests of an address through in its window."""
        passed_per_s = min(self.per_s, Decimal(limit) / WAF_WINDOW_S)
        looked_at = prices.WAF_REQUEST.of(DAY_S * self.per_s)
        fixed = prices.WAF_ACL_MONTH.of(DAY_MONTHS) + prices.WAF_RULE_MONTH.of(DAY_MONTHS)
        return DAY_S * passed_per_s * self.dollars + looked_at + fixed


def floods() -> list[Flood]:
    """Return the floods: handshakes that are refused and documents that no cache has, as often as AWS or the stage lets
    all clients together, and documents from the caches."""
    candles = of_a_document(kinds()["`history`, 500 candles"])
    fetched_per_s = Decimal(document_pace(FeedConfig()).rate)
    return [
        Flood("handshakes, all refused", CONNECTS_PER_S, of_a_refusal()),
        Flood("documents of 500 candles that no cache has", fetched_per_s, candles),
        Flood("`rates.json` from the caches", KEPT_PER_S, of_a_document(None)),
    ]


def table() -> str:
    """Return a row per flood, as Markdown, in US dollars a day."""
    rows = [f"| an address asks for | a second | $ a day | with `waf_rate_limit={WAF_LIMIT}` |", "|---|---:|---:|---:|"]
    rows += [
        f"| {flood.name} | {flood.per_s:,} | {flood.a_day:,.2f} | {flood.a_day_with_waf(WAF_LIMIT):,.2f} |"
        for flood in floods()
    ]
    return "\n".join(rows)
