"""The cost model's settings are the template's."""

from decimal import Decimal

from functions.ingest.ticks import STANDBY_RUN_MS
from infra.config import FeedConfig
from tests.infra.synthesis import Synthesised
from tools.cost import measured
from tools.cost.workload import Options


def test_the_cost_model_uses_the_templates_settings(stack: Synthesised) -> None:
    memory_gb = {name: Decimal(each["MemorySize"]) / 1024 for name, each in stack.functions().items()}
    assert memory_gb.pop("ingest") == measured.INGEST_GB
    assert memory_gb.pop("publish") == measured.PUBLISH_GB
    assert set(memory_gb.values()) == {measured.ROUTE_GB}
    assert measured.STANDBY_RUN_S * 1000 == STANDBY_RUN_MS
    assert Options(1).standby == FeedConfig().standby is True
    assert len(stack.properties("AWS::CloudWatch::Alarm")) == measured.ALARMS
    publish = stack.functions()["publish"]["Environment"]["Variables"]
    assert (Decimal(publish["POST_RATE"]), Decimal(publish["POST_BURST"])) == (measured.RATE_PER_S, measured.BURST)
    kept = {each["RetentionInDays"] for each in stack.properties("AWS::Logs::LogGroup").values()}
    assert kept == {measured.LOG_RETENTION_DAYS}


def test_the_site_changes_no_cost_setting(with_site: Synthesised) -> None:
    test_the_cost_model_uses_the_templates_settings(with_site)


def test_the_cost_model_assumes_cloudfront_in_north_america(with_site: Synthesised) -> None:
    assert Options(1).site == FeedConfig().site is True
    (distribution,) = with_site.properties("AWS::CloudFront::Distribution").values()
    settings = distribution["DistributionConfig"]
    assert settings["PriceClass"] == "PriceClass_100"
    # One function runs at each handshake, however its path is written.
    assert {len(each["FunctionAssociations"]) for each in settings["CacheBehaviors"]} == {1}
