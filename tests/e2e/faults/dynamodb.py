"""DynamoDB refuses, throttles, hangs, or loses answers, for all calls or for one kind."""

import asyncio

from tests.e2e.dynamodb_proxy import EVERY, DynamoDbProxy, Fault
from tests.e2e.faults.stage import Case, Do, Stage


def calls(of: str, fault: Fault, seconds: float) -> Do:
    """Let calls through one of the stage's proxies fail for a while."""

    async def do(stage: Stage) -> None:
        proxy: DynamoDbProxy = getattr(stage, of)
        before = proxy.calls.total()
        proxy.faults = (fault,)
        await asyncio.sleep(seconds)
        proxy.faults = ()
        assert proxy.calls.total() > before, "no call came by"

    return do


AGAIN_TICKS = 6.0
AGAIN = (
    "the AWS SDK repeats a call of publish after a random time of up to four seconds, so that it does not add to the"
    " load of a table that throttles. At the default tick of 5 s that is less than one tick."
)
CASES = (
    Case("DynamoDB refuses all calls of the ingest for 20 s", calls("ingest", Fault("error"), 20)),
    Case("DynamoDB throttles all calls of the ingest for 10 s", calls("ingest", Fault("throttle"), 10)),
    Case("DynamoDB answers no call of the ingest for 10 s", calls("ingest", Fault("held"), 10)),
    Case("DynamoDB closes all connections of the ingest for 10 s", calls("ingest", Fault("cut"), 10)),
    Case("30 % of the answers to the ingest are lost for 30 s", calls("ingest", Fault("answer lost", EVERY, 0.3), 30)),
    Case("20 % of the ingest's calls fail for a minute", calls("ingest", Fault("error", EVERY, 0.2), 60)),
    *[
        Case(f"DynamoDB {verb} the ingest's {operation} for 5 s", calls("ingest", Fault(kind, operation), 5))
        for kind, verb in (("error", "refuses"), ("throttle", "throttles"))
        for operation in ("GetItem", "PutItem", "UpdateItem")
    ],
    Case("DynamoDB refuses all calls of publish for 20 s", calls("publish", Fault("error"), 20)),
    Case("20 % of the calls of publish fail for 30 s", calls("publish", Fault("error", EVERY, 0.2), 30)),
    *[
        Case(
            f"DynamoDB {verb} the {operation} of publish for 8 s",
            calls("publish", Fault(kind, operation), 8),
            most_ticks=AGAIN_TICKS,
            reason=AGAIN,
        )
        for kind, verb in (("error", "refuses"), ("throttle", "throttles"))
        for operation in ("Query", "GetItem")
    ],
    Case("a fifth of the posts to clients fail for 20 s", calls("posts", Fault("error", "POST", 0.2), 20)),
    Case("all posts to clients fail for 5 s", calls("posts", Fault("error", "POST"), 5)),
)
