"""The stream delivers its records doubled, out of order, or late.

Lambda's trigger is switched off meanwhile, and the test reads the table's stream and invokes `publish` in its place.
When the trigger is switched on again, it delivers all records of that time once more.
"""

import asyncio
import base64
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.e2e.faults.stage import Case, Do, Stage
from tests.e2e.local_stack import SESSION

SECONDS = 20
LATE_S = 60
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trigger:
    """The stream's records of snapshots, and the function that gets them."""

    stage: Stage

    def mapping(self) -> Record:
        functions = self.stage.stack.functions()
        name = self.stage.stack.function_name("PublishFunction")
        found = functions.list_event_source_mappings()["EventSourceMappings"]
        (one,) = (dict(each) for each in found if name in each["FunctionArn"])
        return one

    def switch(self, *, on: bool) -> None:
        self.stage.stack.functions().update_event_source_mapping(UUID=self.mapping()["UUID"], Enabled=on)

    async def deliver(self, records: list[Record]) -> None:
        """Invoke `publish` with records, and again after an error, as Lambda does."""
        payload = json.dumps({"Records": records}).encode()
        name, functions = self.stage.stack.function_name("PublishFunction"), self.stage.stack.functions()
        for _ in range(3):
            answer = await asyncio.to_thread(functions.invoke, FunctionName=name, Payload=payload)
            if "FunctionError" not in answer:
                return

    async def records(self, seconds: float) -> AsyncIterator[Record]:
        """Each record of a snapshot, as it comes, for a while."""
        client = SESSION.client("dynamodbstreams", endpoint_url=self.stage.stack.aws)
        arn = self.mapping()["EventSourceArn"]
        shard = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][-1]["ShardId"]
        place = client.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="LATEST")["ShardIterator"]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = await asyncio.to_thread(client.get_records, ShardIterator=place)
            place = answer["NextShardIterator"]
            for record in answer["Records"]:
                if record["dynamodb"]["Keys"]["pk"]["S"] == "SNAPSHOT" and record["eventName"] != "REMOVE":
                    yield as_event(record)
            await asyncio.sleep(0.05)


def as_event(record: Any) -> Record:
    """The record as Lambda passes it on: bytes as base64."""
    event: Record = json.loads(json.dumps(record, default=lambda value: _text(value)))
    return event


def _text(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value.timestamp()


def delivered(how: Callable[[Trigger], Awaitable[None]]) -> Do:
    async def do(stage: Stage) -> None:
        trigger = Trigger(stage)
        await asyncio.to_thread(trigger.switch, on=False)
        try:
            await how(trigger)
        finally:
            await asyncio.to_thread(trigger.switch, on=True)

    return do


async def doubled(trigger: Trigger) -> None:
    """Each record comes twice, and once more after the next one."""
    before: list[Record] = []
    async for record in trigger.records(SECONDS):
        for each in ([record], [record], before):
            if each:
                await trigger.deliver(each)
        before = [record]


async def out_of_order(trigger: Trigger) -> None:
    """Four records each come in any order, one by one or together."""
    choose, waiting = random.Random(1), list[Record]()
    async for record in trigger.records(SECONDS):
        waiting.append(record)
        if len(waiting) == 4:
            choose.shuffle(waiting)
            together = choose.choice((1, 2, 4))
            for start in range(0, 4, together):
                await trigger.deliver(waiting[start : start + together])
            waiting.clear()


async def late(trigger: Trigger) -> None:
    """Each record comes a minute after it was written."""
    waiting: asyncio.Queue[tuple[float, Record]] = asyncio.Queue()

    async def read() -> None:
        async for record in trigger.records(LATE_S + SECONDS):
            waiting.put_nowait((time.monotonic() + LATE_S, record))

    reading = asyncio.create_task(read())
    end = time.monotonic() + LATE_S + SECONDS
    while time.monotonic() < end:
        due, record = await waiting.get()
        await asyncio.sleep(min(due, end) - time.monotonic())
        if due <= time.monotonic():
            await trigger.deliver([record])
    await reading


CASES = (
    Case(f"the stream's records come twice and again later for {SECONDS} s", delivered(doubled)),
    Case(f"the stream's records come out of order for {SECONDS} s", delivered(out_of_order)),
    Case(f"the stream's records come {LATE_S} s late for {SECONDS} s", delivered(late)),
)
