"""The entry point of `cdk deploy`: one stack, which cdk-nag checks during synthesis."""

from pathlib import Path

from aws_cdk import App, CfnOutput, CliCredentialsStackSynthesizer, DefaultStackSynthesizer, Stack, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra.api import Api
from infra.backfill import Backfill
from infra.bundle import ROOT
from infra.config import FeedConfig, chosen_settings, config_from
from infra.dashboard import Dashboard
from infra.documents import Documents
from infra.ingest import Ingest
from infra.metadata import METADATA
from infra.monitoring import Monitoring
from infra.publish import Publish
from infra.site import Site
from infra.storage import Storage

PAGE = ROOT / "web" / "dist"


def build(app: App, page: Path = PAGE) -> Stack:
    """The stack with the settings of the app's context, for the CLI's account and Region.

    `page` is the folder with the built page.

    Raises:
        ValueError: a setting has an invalid value, or the table that it names cannot be used.
        FileNotFoundError: the page is not built.
    """
    config = config_from(app.node)
    stack = Stack(
        app,
        config.stack_name,
        synthesizer=_synthesizer(config),
        description="Live crypto quotes in CAD",
        termination_protection=config.retain_data,
    )
    stack.template_options.metadata = {METADATA: {"settings": chosen_settings(config)}}
    storage = Storage(stack, "Storage", config=config)
    backfill = Backfill(stack, "Backfill", config=config, storage=storage).function if config.backfill else None
    ingest = Ingest(stack, "Ingest", config=config, storage=storage, backfill=backfill)
    api = Api(stack, "Api", config=config)
    api.add_routes(storage, ingest.function, backfill)
    publish = Publish(stack, "Publish", config=config, storage=storage, api=api)
    documents = None
    if config.serves_documents:
        documents = Documents(stack, "Documents", config=config, storage=storage, ingest=ingest.function)
    others = [each for each in (backfill, documents and documents.function) if each]
    Monitoring(
        stack,
        "Monitoring",
        config=config,
        storage=storage,
        ingest=ingest,
        publish=publish,
        api=api,
        documents=documents,
        others=others,
    )
    if config.dashboard:
        Dashboard(stack, "Dashboard", storage=storage, ingest=ingest, publish=publish, api=api, documents=documents)
    site = Site(stack, "Site", config=config, api=api, documents=documents, page=page) if config.site else None
    feed_url = site.feed_url if site else api.stage.url
    if documents:
        url = site.url if site else documents.api.api_endpoint
        CfnOutput(stack, "DocumentsUrl", value=url, description="Before the paths of docs/openapi.yaml")
    CfnOutput(stack, "QuotesTable", value=storage.quotes.table_name, description="The table with the candles")
    CfnOutput(stack, "FeedUrl", value=feed_url, description="The address that clients connect to")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    return stack


def _synthesizer(config: FeedConfig) -> DefaultStackSynthesizer | CliCredentialsStackSynthesizer:
    """The local stack's bootstrap roles cannot reach its asset bucket; its one user can."""
    return CliCredentialsStackSynthesizer() if config.cli_credentials else DefaultStackSynthesizer()


if __name__ == "__main__":
    app = App()
    build(app)
    app.synth()
