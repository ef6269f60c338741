"""The Lambda that fetches the past from exchanges' histories."""

from constructs import Construct

from infra.config import FeedConfig
from infra.function import FeedFunction
from infra.source_settings import allow_keys, source_environment
from infra.storage import Storage


class Backfill(Construct):
    """`backfill`, invoked by the ingest when there is history to fetch, and by charts. A run may take 15 minutes, since
    some sources allow a request every few seconds; what it does not get done, the next run does."""

    def __init__(self, scope: Construct, construct_id: str, *, config: FeedConfig, storage: Storage) -> None:
        super().__init__(scope, construct_id)
        self.function = FeedFunction(
            self,
            "Backfill",
            name="backfill",
            config=config,
            memory_mb=512,
            timeout_s=900,
            environment={"QUOTES_TABLE": storage.quotes.table_name, **source_environment(config)},
        )
        stored = ["BACKFILL", "TRENDS", "PAST#*"]
        self.function.allow_items(
            storage.quotes.table_arn, {"GetItem": stored, "PutItem": stored, "UpdateItem": ["BACKFILL"]}
        )
        allow_keys(self.function, config)
