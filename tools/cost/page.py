"""What a visitor of the page costs: an hour at each pace, and opening it."""

from decimal import Decimal

from tools.cost import measured, prices
from tools.cost.designs import HIDDEN_S, Design, bill
from tools.cost.measured import WIDGET_S
from tools.cost.prices import GB, MONTH_HOURS
from tools.cost.workload import Options, workload

CLIENTS = 1_000
SAVE_DATA_S = 30
PINGS = Decimal(30)  # an hour, while the page is seen: web/src/clock.ts


def one_more(design: Design, options: Options) -> Decimal:
    """Return the dollars a month of one more connection: half of what twice as many cost, less what these do."""
    twice = options.at(options.connections * 2)
    return (bill(design, twice).total - bill(design, options).total) / options.connections


def an_hour(every_s: int = 0, design: Design = Design.THIS, requests: Decimal = PINGS) -> Decimal:
    """Return the dollars of an hour of a page that hears a frame in that many seconds (0: in each tick), and asks for
    something that often."""
    return one_more(design, Options(CLIENTS, every_s=every_s, requests=requests)) / MONTH_HOURS


def an_opening() -> Decimal:
    """Return the dollars of the page's files, of its connection, and of its first four requests."""
    files = prices.CLOUDFRONT_REQUEST.of(measured.PAGE_FILES) + prices.CLOUDFRONT_OUT_GB.of(measured.PAGE_BYTES / GB)
    long = Options(CLIENTS)
    short = Options(CLIENTS, session_minutes=Decimal(60), requests=Decimal(4))
    difference = bill(Design.THIS, short).total - bill(Design.THIS, long).total
    return files + difference / (workload(short).sessions - workload(long).sessions)


def rows() -> list[tuple[str, Decimal]]:
    """Return what is paid for, and the dollars of a thousand of it."""
    return [
        ("the page is opened", an_opening() * 1000),
        ("an hour in which it is seen", an_hour() * 1000),
        (f"an hour of a visitor who saves data ({SAVE_DATA_S} s)", an_hour(SAVE_DATA_S) * 1000),
        (f"an hour in which it is hidden ({HIDDEN_S} s)", an_hour(HIDDEN_S, requests=Decimal(0)) * 1000),
        ("an hour over HTTP, where no socket can be opened", an_hour(design=Design.HTTP, requests=Decimal(0)) * 1000),
        (f"an hour of a widget that is seen ({WIDGET_S} s)", an_hour(WIDGET_S, Design.HTTP, Decimal(0)) * 1000),
    ]
