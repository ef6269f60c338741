"""AWS's prices in US dollars, us-east-1, each with its page. The date says when all of them were checked last.

Quantities count from the first of the month; a tier's price applies to the part of the quantity within it.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

LOOKED_UP = date(2026, 11, 22)
REGION = "us-east-1"
MONTH_HOURS = Decimal(730)  # as https://calculator.aws counts a month
MONTH_S = MONTH_HOURS * 3600
MONTH_MINUTES = MONTH_HOURS * 60
KB, GB = Decimal(1024), Decimal(1024**3)
MILLION, BILLION = Decimal(10**6), Decimal(10**9)
TB_GB = Decimal(1024)
BEYOND = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a unit. `tiers`: the upper limits of the monthly quantity, each with its price per unit.

    `free`: the permanent free amount per month. The account shares it, so it counts only on request. `page`: where AWS
    documents the price.
    """

    page: str
    tiers: tuple[tuple[Decimal, Decimal], ...]
    free: Decimal = Decimal(0)

    def of(self, quantity: Decimal, *, free_tier: bool = False) -> Decimal:
        """Return the dollars for a month's quantity.

        Raises:
            ValueError: a negative quantity.
        """
        if quantity < 0:
            raise ValueError(f"a quantity is at least 0, not {quantity}")
        quantity = max(Decimal(0), quantity - self.free) if free_tier else quantity
        dollars, reached = Decimal(0), Decimal(0)
        for upto, price in self.tiers:
            dollars += (min(quantity, upto) - reached) * price
            if quantity <= upto:
                break
            reached = upto
        return dollars


def _flat(page: str, price: str, per: Decimal = Decimal(1), free: str = "0") -> Price:
    return Price(page, ((BEYOND, Decimal(price) / per),), Decimal(free))


def _tiered(
    page: str, *tiers: tuple[Decimal | int, str], per: Decimal = Decimal(1), free: Decimal = Decimal(0)
) -> Price:
    return Price(page, tuple((Decimal(upto), Decimal(price) / per) for upto, price in tiers), free)


# API Gateway: messages in and out, one per started 32 KB, without the free tier of a new account.
_API_GATEWAY = "https://aws.amazon.com/api-gateway/pricing/"
API_GATEWAY_MESSAGE = _tiered(_API_GATEWAY, (BILLION, "1.00"), (BEYOND, "0.80"), per=MILLION)
API_GATEWAY_MINUTE = _flat(_API_GATEWAY, "0.25", MILLION)
API_GATEWAY_MESSAGE_BYTES = 32 * KB
HTTP_API_REQUEST = _tiered(_API_GATEWAY, (300_000_000, "1.00"), (BEYOND, "0.90"), per=MILLION)  # of 512 KB

# Lambda on arm64. The tiers count the GB-seconds of an architecture in a Region and account.
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
LAMBDA_GB_SECOND = _tiered(
    _LAMBDA,
    (7_500_000_000, "0.0000133334"),
    (18_750_000_000, "0.0000120001"),
    (BEYOND, "0.0000106667"),
    free=Decimal(400_000),
)
LAMBDA_REQUEST = _flat(_LAMBDA, "0.20", MILLION, free="1000000")

# DynamoDB on demand. Reads of a stream by a Lambda trigger cost nothing.
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
DYNAMODB_WRITE = _flat(_DYNAMODB, "0.625", MILLION)  # of 1 KB
DYNAMODB_READ = _flat(_DYNAMODB, "0.125", MILLION)  # of 4 KB, consistent; an eventually consistent read costs half
DYNAMODB_GB_MONTH = _flat(_DYNAMODB, "0.25", free="25")
DYNAMODB_BACKUP_GB_MONTH = _flat(_DYNAMODB, "0.20")  # point-in-time recovery

SCHEDULER_INVOCATION = _flat("https://aws.amazon.com/eventbridge/pricing/", "1.00", MILLION, free="14000000")

_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
CLOUDWATCH_METRIC = _tiered(
    _CLOUDWATCH, (10_000, "0.30"), (250_000, "0.10"), (1_000_000, "0.05"), (BEYOND, "0.02"), free=Decimal(10)
)
CLOUDWATCH_ALARM = _flat(_CLOUDWATCH, "0.10", free="10")
# Lambda's logs and API Gateway's access log are vended logs.
CLOUDWATCH_LOGS_GB = _tiered(
    _CLOUDWATCH,
    (10 * TB_GB, "0.50"),
    (30 * TB_GB, "0.25"),
    (50 * TB_GB, "0.10"),
    (BEYOND, "0.05"),
    free=Decimal(5),
)
CLOUDWATCH_LOGS_GB_MONTH = _flat(_CLOUDWATCH, "0.03", free="5")
XRAY_TRACE = _flat("https://aws.amazon.com/xray/pricing/", "5.00", MILLION, free="100000")

# To the internet: from the Region, or from CloudFront, which gets it from an AWS origin at no charge
# (https://aws.amazon.com/cloudfront/pricing/). CloudFront bills a WebSocket's handshake and the bytes of both ways
# (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CloudFrontPricing.html).
TRANSFER_OUT_GB = _tiered(
    "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer",
    (10 * TB_GB, "0.09"),
    (50 * TB_GB, "0.085"),
    (150 * TB_GB, "0.07"),
    (BEYOND, "0.05"),
    free=Decimal(100),
)
_CLOUDFRONT = "https://aws.amazon.com/cloudfront/pricing/"
CLOUDFRONT_OUT_GB = _tiered(  # to the United States, Mexico and Canada
    _CLOUDFRONT,
    (10 * TB_GB, "0.085"),
    (50 * TB_GB, "0.080"),
    (150 * TB_GB, "0.060"),
    (500 * TB_GB, "0.040"),
    (1024 * TB_GB, "0.030"),
    (5 * 1024 * TB_GB, "0.025"),
    (BEYOND, "0.020"),
    free=TB_GB,
)
CLOUDFRONT_IN_GB = _flat(_CLOUDFRONT, "0.020")  # from the United States, Mexico and Canada to an origin
CLOUDFRONT_REQUEST = _flat(_CLOUDFRONT, "0.0100", Decimal(10_000), free="10000000")  # HTTPS; a WebSocket is one
CLOUDFRONT_FUNCTION = _flat(_CLOUDFRONT, "0.10", MILLION, free="2000000")


@dataclass(frozen=True, slots=True)
class Plan:
    """A flat-rate plan of CloudFront: dollars a month, and what it is made for. More costs no more, but AWS may then
    deliver it from fewer places."""

    name: str
    dollars: Decimal
    requests: Decimal
    gigabytes: Decimal


# A web ACL with its requests is in each. What the web ACL blocks does not count.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/flat-rate-pricing-plan.html
PLANS = tuple(
    Plan(name, Decimal(dollars), Decimal(requests) * MILLION, Decimal(gigabytes))
    for name, dollars, requests, gigabytes in (
        ("free", 0, 1, 100),
        ("pro", 15, 10, 50 * TB_GB),
        ("business", 200, 125, 50 * TB_GB),
        ("premium", 1_000, 500, 50 * TB_GB),
        ("premium", 1_450, 750, 75 * TB_GB),
        ("premium", 2_250, 1_250, 125 * TB_GB),
        ("premium", 3_500, 2_000, 200 * TB_GB),
        ("premium", 6_000, 3_500, 350 * TB_GB),
        ("premium", 10_000, 6_000, 600 * TB_GB),
    )
)


def plan_for(requests: Decimal, gigabytes: Decimal) -> Plan | None:
    """Return the cheapest plan that is made for so much a month; `None` if none is."""
    fitting = (plan for plan in PLANS if requests <= plan.requests and gigabytes <= plan.gigabytes)
    return next(fitting, None)


# The web ACL of `waf_rate_limit`, and one rule. CloudFront does not charge for what it blocks
# (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CloudFrontPricing.html).
_WAF = "https://aws.amazon.com/waf/pricing/"
WAF_ACL_MONTH = _flat(_WAF, "5.00")
WAF_RULE_MONTH = _flat(_WAF, "1.00")
WAF_REQUEST = _flat(_WAF, "0.60", MILLION)

# AppSync Events: published and delivered events, one operation per started 5 KB.
_APPSYNC = "https://aws.amazon.com/appsync/pricing/"
APPSYNC_OPERATION = _flat(_APPSYNC, "1.00", MILLION)
APPSYNC_MINUTE = _flat(_APPSYNC, "0.08", MILLION)
APPSYNC_OPERATION_BYTES = 5 * KB

# IoT Core: messages in and out, one per started 5 KB of payload and topic.
_IOT = "https://aws.amazon.com/iot-core/pricing/"
IOT_MESSAGE = _tiered(_IOT, (BILLION, "1.00"), (5 * BILLION, "0.80"), (BEYOND, "0.70"), per=MILLION)
IOT_MINUTE = _flat(_IOT, "0.08", MILLION)
IOT_MESSAGE_BYTES = 5 * KB

# Fargate on arm64 behind an Application Load Balancer with public addresses.
_FARGATE = "https://aws.amazon.com/fargate/pricing/"
FARGATE_VCPU_HOUR = _flat(_FARGATE, "0.03238")
FARGATE_GB_HOUR = _flat(_FARGATE, "0.00356")
_BALANCER = "https://aws.amazon.com/elasticloadbalancing/pricing/"
BALANCER_HOUR = _flat(_BALANCER, "0.0225")
BALANCER_UNIT_HOUR = _flat(_BALANCER, "0.008")
# The largest of these counts as the unit; the fourth, rules, is free up to ten.
BALANCER_UNIT_CONNECTIONS, BALANCER_UNIT_NEW_PER_S, BALANCER_UNIT_GB_PER_HOUR = Decimal(3000), Decimal(25), Decimal(1)
ADDRESS_HOUR = _flat("https://aws.amazon.com/vpc/pricing/", "0.005")  # a public IPv4 address

# Requests per second and account, for clients' messages and posts together, and the burst.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
ACCOUNT_REQUESTS_PER_S = Decimal(10_000)
