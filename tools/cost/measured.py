"""What the model knows of this feed: settings of its template, measurements, and what had to be assumed.

Settings: `infra/`; `tests/infra/test_cost_settings.py` holds them against the template.
"""

from decimal import Decimal

from shared.model.assets import price_sources
from shared.publishing.periodic import HEARTBEAT_MS, NOTICE_S, SNAPSHOT_MS

# --- Settings of the template

INGEST_GB = Decimal(256) / 1024
PUBLISH_GB = Decimal(1769) / 1024
ROUTE_GB = Decimal(512) / 1024
ALARMS = 15 + len(price_sources())  # one per source that may become suspect
# Those that the handlers of ingest and publish write on every tick; SourceDown comes with a source that fails,
# SourceSuspect with one that the others contradict.
CUSTOM_METRICS = 17
LOG_RETENTION_DAYS = 14
RATE_PER_S = Decimal(7_000)  # the pace of the posts of one worker: 70 % of the account's quota
BURST = Decimal(3_500)
HEARTBEAT_S = HEARTBEAT_MS // 1000
WHOLE_VIEW_S = SNAPSHOT_MS // 1000  # a connection gets its whole view in place of an update
NOTICE_MINUTES = NOTICE_S // 60  # the age at which a connection is told that its end is near
UNHEARD_RUN_EVERY_S = 60  # the schedule; a run that finds nobody listening makes one tick

# --- Measured

# CPU seconds per post on one core, x86-64, kept-alive TLS, to two digits as `make bench` has them in
# docs/benchmarks.md. Who measures anew puts them here, and the table and plot into docs/scaling.md. A Lambda of
# 1,769 MB has one vCPU.
CPU_PER_POST_S = Decimal("0.000056")  # this client at 100,000 connections, with reading the connection
LOOP_CPU_PER_POST_S = Decimal("0.00081")  # boto3, 50 threads: its time and its CPU are the same, one core bounds it
# DynamoDB write units of a snapshot and of what explains it, mean of a simulated day, `pytest
# tests/unit/test_simulated_day.py`, 2026-11-28.
SNAPSHOT_WRITE_UNITS = Decimal("9.9")
EXPLANATION_WRITE_UNITS = Decimal("6.0")
SNAPSHOT_READ_UNITS = Decimal(3)  # the same 9.9 KB by 4 KB
CANDLES_A_DAY = Decimal(75 * (1440 + 24 + 1))
# An item of the connections table as DynamoDB counts it, names and values: pk (`SHARD#0`), sk (16 characters),
# connected_at and expires_at (10 digits in 6 bytes each), tat_ms (13 digits in 8 bytes), an empty list.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
CONNECTION_ITEM_BYTES = Decimal((2 + 7) + (2 + 16) + (12 + 6) + (10 + 6) + (6 + 8) + (11 + 3))
CONNECTION_STORED_BYTES = CONNECTION_ITEM_BYTES + 100  # AWS adds 100 to what is stored
CANDLE_STORED_BYTES = Decimal(230)
CANDLES_STORED = Decimal(75 * (2880 + 24 * 90 + 365))  # minutes for 2 days, hours for 90, a year of days

# --- Assumed; each moves the total by less than 2 % from 1,000 connections on

# An invocation of publish besides its posts: unpacking, encoding (5 ms together), a page of connections, the audience.
PUBLISH_BEGINS_S = Decimal("0.030")
CONNECT_S, SUBSCRIBE_S, DISCONNECT_S, REQUEST_S = (Decimal(text) for text in ("0.015", "0.120", "0.015", "0.040"))
UNHEARD_RUN_S = Decimal(2)
INVOCATION_LOG_BYTES = Decimal(450)  # START, END and REPORT
PUBLISH_LOG_BYTES = Decimal(750)  # its metrics
INGEST_TICK_LOG_BYTES = Decimal(150)
ACCESS_LOG_BYTES = Decimal(330)

# --- Assumed of the designs that are not this one

APPSYNC_PUBLISH_S = Decimal("0.020")  # one request, of up to 5 events
APPSYNC_EVENTS_A_REQUEST = 5
IOT_TOPIC_BYTES = 32
IOT_PUBLISH_S = Decimal("0.005")
# A task of 1 vCPU and 2 GB, two at least, each in its zone. A frame is encoded (and compressed) once and written to
# every socket; a write costs no more than one of our posts, which has TLS besides. Half of the CPU is left over.
TASK_VCPU, TASK_GB, TASKS_AT_LEAST = Decimal(1), Decimal(2), 2
TASK_CONNECTIONS = Decimal(10_000)
TASK_CPU_PER_FRAME_S = CPU_PER_POST_S
TASK_CPU_SHARE = Decimal("0.5")
TASK_LOG_BYTES = Decimal(300)  # per session
