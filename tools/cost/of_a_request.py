"""The US dollars of one request of a client, with everything that it causes, and the longest line that it can have in
the access log. Prices are those of each first tier."""

from decimal import Decimal

from shared.model.channels import RATES_BATCH
from shared.requests.prices import Work
from tools.cost import measured, prices
from tools.cost.workload import Options, workload

PLACES_READ_UNITS = 4  # of 400 places with 70 bytes each, not consistently
SAMPLED = Decimal("0.05")  # by X-Ray
POST_S = Decimal("0.003")  # of an answer with many frames, sent eight at a time


def of_a_message(work: Work) -> Decimal:
    """Return the dollars of a message and what it causes."""
    seconds = measured.REQUEST_S + work.posts * POST_S
    log_bytes = measured.INVOCATION_LOG_BYTES + measured.LONGEST_ACCESS_LOG_BYTES
    return (
        prices.API_GATEWAY_MESSAGE.of(Decimal(1 + work.more_messages + work.posts))
        + prices.CLOUDFRONT_OUT_GB.of(work.size_bytes / prices.GB)
        + prices.CLOUDFRONT_IN_GB.of(work.sent_bytes / prices.GB)
        + prices.DYNAMODB_READ.of(Decimal(work.read_units))
        + prices.DYNAMODB_WRITE.of(Decimal(work.write_units))
        + _invoked(seconds, log_bytes)
    )


def of_a_reconnect() -> Decimal:
    """Return the dollars of a handshake and the end of the connection, without any message. Both write the connection
    and its place, and the handshake deletes the place that it takes over; it counts the client's places twice."""
    log_bytes = measured.INVOCATION_LOG_BYTES + measured.LONGEST_ACCESS_LOG_BYTES
    return (
        at_the_edge(0)
        + prices.DYNAMODB_WRITE.of(Decimal(5))
        + prices.DYNAMODB_READ.of(Decimal(2))
        + _invoked(measured.CONNECT_S, log_bytes)
        + _invoked(measured.DISCONNECT_S, log_bytes)
    )


def of_a_refusal() -> Decimal:
    """Return the dollars, behind CloudFront, of a handshake that is refused after it has counted a full block."""
    log_bytes = 2 * measured.INVOCATION_LOG_BYTES + measured.LONGEST_ACCESS_LOG_BYTES
    return prices.DYNAMODB_READ.of(Decimal(PLACES_READ_UNITS)) + _invoked(measured.CONNECT_S, log_bytes)


def of_a_document(work: Work) -> Decimal:
    """Return the dollars, behind CloudFront, of a document that does that work."""
    log_bytes = measured.INVOCATION_LOG_BYTES + measured.LONGEST_DOCUMENT_LOG_BYTES
    fetched = prices.HTTP_API_REQUEST.of(Decimal(1)) + prices.DYNAMODB_READ.of(Decimal(work.read_units))
    return fetched + _invoked(measured.DOCUMENT_S, log_bytes)


def at_the_edge(size_bytes: Decimal | int) -> Decimal:
    """Return the dollars of a request at CloudFront, and of its answer of that size."""
    return (
        prices.CLOUDFRONT_REQUEST.of(Decimal(1))
        + prices.CLOUDFRONT_FUNCTION.of(Decimal(1))
        + prices.CLOUDFRONT_OUT_GB.of(size_bytes / prices.GB)
    )


def view_bytes() -> Decimal:
    """Return the bytes of `rates.json`; a client may refuse compression."""
    return Decimal(sum(workload(Options(1)).frames.snapshot[RATES_BATCH])) + measured.RESPONSE_HEADER_BYTES


def _invoked(seconds: Decimal, log_bytes: Decimal) -> Decimal:
    """Return the dollars of an invocation of a route's function, with its logs, and the share of it that is traced."""
    return (
        prices.LAMBDA_REQUEST.of(Decimal(1))
        + prices.LAMBDA_GB_SECOND.of(seconds * measured.ROUTE_GB)
        + prices.CLOUDWATCH_LOGS_GB.of(log_bytes / prices.GB)
        + prices.XRAY_TRACE.of(SAMPLED)
    )
