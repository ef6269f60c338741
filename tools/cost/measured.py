"""The cost model's facts about this feed: settings of its template, measurements and assumptions.

Settings: `infra/`; `tests/infra/test_cost_settings.py` holds them against the template.
"""

from decimal import Decimal

from infra.edge_functions import MOST_AGENT_CHARACTERS
from shared.documents.problems import MOST_CHARACTERS
from shared.model.assets import catalogue, price_sources
from shared.model.candles import DAY_MS, INTERVAL_MS, KEPT_MS
from shared.model.staleness import HEARTBEAT_MS
from shared.publishing.periodic import NOTICE_S, SNAPSHOT_MS
from shared.sources.all_sources import SOURCES

# --- Settings of the template

INGEST_GB = Decimal(512) / 1024
PUBLISH_GB = Decimal(1769) / 1024
ROUTE_GB = Decimal(512) / 1024
ALARMS = 43 + len(price_sources()) + len(SOURCES)  # one per source that may become suspect, or be down
# The handlers of ingest and publish write these on every tick. A failing source adds SourceDown, a suspect one
# SourceSuspect.
CUSTOM_METRICS = 21
LOG_RETENTION_DAYS = 14
RATE_PER_S = Decimal(7_000)  # the pace of the posts of one worker: 70 % of the account's quota
BURST = Decimal(3_500)
HEARTBEAT_S = HEARTBEAT_MS // 1000
WHOLE_VIEW_S = SNAPSHOT_MS // 1000  # a connection gets a snapshot instead of an update
NOTICE_MINUTES = NOTICE_S // 60  # the age at which a connection gets its closing notice
STANDBY_RUN_S = Decimal(130)  # how long a run of the ingest lasts with stand-by
UNHEARD_RUN_EVERY_S = 60  # the schedule; a run without listeners makes one tick

# --- Measured

# CPU seconds per post on one core, x86-64, kept-alive TLS, to two digits, from `make bench` in docs/benchmarks.md.
# After a new measurement update them here and run `python -m tools.tables`. 1,769 MB give a Lambda one vCPU.
CPU_PER_POST_S = Decimal("0.000056")  # this client at 100,000 connections, including the read of the connection
LOOP_CPU_PER_POST_S = Decimal("0.00081")  # boto3, 50 threads: its time equals its CPU time, since one core limits it
# DynamoDB write units of a snapshot and of its explanations, mean of a simulated day,
# `CADFEED_SIMULATED_HOURS=24 pytest -s tests/store/test_codec_simulated_day.py`, 2026-11-30.
SNAPSHOT_WRITE_UNITS = Decimal("9.8")
EXPLANATION_WRITE_UNITS = Decimal("6.0")
SNAPSHOT_READ_UNITS = Decimal(3)  # the same 9.8 KB by 4 KB
CANDLES_A_DAY = len(catalogue()) * sum(Decimal(DAY_MS) / length_ms for length_ms in INTERVAL_MS.values())
# An item of the connections table as DynamoDB counts it, names and values: pk (`SHARD#0`), sk (16 characters),
# connected_at and expires_at (10 digits in 6 bytes each), tat_ms (13 digits in 8 bytes), an empty list.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
CONNECTION_ITEM_BYTES = Decimal((2 + 7) + (2 + 16) + (12 + 6) + (10 + 6) + (6 + 8) + (11 + 3))
CONNECTION_STORED_BYTES = CONNECTION_ITEM_BYTES + 100  # AWS adds 100 bytes to each stored item
CANDLE_STORED_BYTES = Decimal(230)
CANDLES_STORED = len(catalogue()) * sum(
    Decimal(KEPT_MS.get(name, 365 * DAY_MS)) / length_ms for name, length_ms in INTERVAL_MS.items()
)  # of those that are kept for good, a year

# A first backfill, `python -m tools.bench.backfill`, 2026-11-28. It happens once; its hours and minutes expire.
BACKFILL_CANDLES = Decimal(250_327)
BACKFILL_WRITES = Decimal(1_807)
BACKFILL_WRITE_UNITS = Decimal(5_267)
BACKFILL_STORED_BYTES = Decimal(2_922_772)
TRENDS_WRITE_UNITS = Decimal(6)  # the trends of all symbols, once an hour
LEASE_READ_UNITS = Decimal(1)  # when a run begins, and once a tick by each stand-by
JOB_READ_UNITS = Decimal(1)  # its progress, when a run of the ingest begins

# --- Assumed; each moves the total by less than 2 % from 1,000 connections on

# An invocation of publish besides its posts: unpacking, encoding (5 ms together), a page of connections, the audience.
PUBLISH_BEGINS_S = Decimal("0.030")
CONNECT_S, SUBSCRIBE_S, DISCONNECT_S, REQUEST_S = (Decimal(text) for text in ("0.015", "0.120", "0.015", "0.040"))
UNHEARD_RUN_S = Decimal(2)
INVOCATION_LOG_BYTES = Decimal(450)  # START, END and REPORT
PUBLISH_LOG_BYTES = Decimal(750)  # its metrics
INGEST_TICK_LOG_BYTES = Decimal(150)
ACCESS_LOG_BYTES = Decimal(800)  # 500 with a browser's user agent, and a line of the function that takes it
# With what clients can make long: their user agent, and the path of a document.
LONGEST_ACCESS_LOG_BYTES = ACCESS_LOG_BYTES + MOST_AGENT_CHARACTERS
LONGEST_DOCUMENT_LOG_BYTES = ACCESS_LOG_BYTES + MOST_CHARACTERS

# What a first visit of the page loads, gzip, as Chromium counted it on the local stack, 2026-11-30: HTML, style, five
# scripts, the icon, the service worker, and the HTML again for that.
PAGE_FILES, PAGE_BYTES = Decimal(10), Decimal(34_000)
WIDGET_S = 10  # how often a widget that is seen asks, `web/src/embed/main.ts`
DOCUMENT_S = Decimal("0.030")  # a run of the documents' function
CACHES = 6  # CloudFront's regional caches that have readers, each of which asks once in a tick
RESPONSE_HEADER_BYTES = 600

# --- Assumed of the other designs

APPSYNC_PUBLISH_S = Decimal("0.020")  # one request, of up to 5 events
APPSYNC_EVENTS_A_REQUEST = 5
IOT_TOPIC_BYTES = 32
IOT_PUBLISH_S = Decimal("0.005")
# A task of 1 vCPU and 2 GB, at least two, each in its zone. A frame is encoded (and compressed) once and written to
# every socket; a write costs no more than one of our posts, which also has TLS. Half of the CPU stays free.
TASK_VCPU, TASK_GB, TASKS_AT_LEAST = Decimal(1), Decimal(2), 2
TASK_CONNECTIONS = Decimal(10_000)
TASK_CPU_PER_FRAME_S = CPU_PER_POST_S
TASK_CPU_SHARE = Decimal("0.5")
TASK_LOG_BYTES = Decimal(300)  # per session
