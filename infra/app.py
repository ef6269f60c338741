"""`cdk deploy` starts here: one stack, checked by cdk-nag as it is synthesised."""

from pathlib import Path

from aws_cdk import App, CfnOutput, CliCredentialsStackSynthesizer, DefaultStackSynthesizer, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from infra.api import Api
from infra.bundle import ROOT
from infra.config import FeedConfig, config_from
from infra.ingest import Ingest
from infra.monitoring import Monitoring
from infra.publish import Publish
from infra.site import Site
from infra.storage import Storage

PAGE = ROOT / "web" / "dist"


def build(app: App, page: Path = PAGE) -> Stack:
    """The stack with the settings of the app's context. No account or Region is written in: the CLI's are used.

    `page` is the folder with the built page.

    Raises:
        ValueError: a setting cannot be what it is.
        FileNotFoundError: the page is not built.
    """
    config = config_from(app.node)
    stack = Stack(app, config.stack_name, synthesizer=_synthesizer(config), description="Live crypto quotes in CAD")
    storage = Storage(stack, "Storage", config=config)
    ingest = Ingest(stack, "Ingest", config=config, storage=storage)
    api = Api(stack, "Api", config=config)
    api.add_routes(storage, ingest.function)
    publish = Publish(stack, "Publish", config=config, storage=storage, api=api)
    Monitoring(stack, "Monitoring", config=config, ingest=ingest, publish=publish, api=api)
    site = Site(stack, "Site", config=config, api=api, page=page) if config.site else None
    feed_url = site.feed_url if site else api.stage.url
    CfnOutput(stack, "FeedUrl", value=feed_url, description="The address that clients connect to")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return stack


def _synthesizer(config: FeedConfig) -> DefaultStackSynthesizer | CliCredentialsStackSynthesizer:
    """The local stack's bootstrap roles cannot reach its asset bucket; its one user can."""
    return CliCredentialsStackSynthesizer() if config.cli_credentials else DefaultStackSynthesizer()


if __name__ == "__main__":
    app = App()
    build(app)
    app.synth()
