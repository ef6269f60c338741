"""What the cost model says of this deployment is what the template says."""

from decimal import Decimal

from infra.config import FeedConfig
from tests.infra.synthesis import Synthesised
from tools.cost import measured
from tools.cost.workload import Options


def test_memory_alarms_pace_and_retention_are_those_of_the_template(stack: Synthesised) -> None:
    memory_gb = {name: Decimal(each["MemorySize"]) / 1024 for name, each in stack.functions().items()}
    assert memory_gb.pop("ingest") == measured.INGEST_GB
    assert memory_gb.pop("publish") == measured.PUBLISH_GB
    assert set(memory_gb.values()) == {measured.ROUTE_GB}
    assert len(stack.properties("AWS::CloudWatch::Alarm")) == measured.ALARMS
    publish = stack.functions()["publish"]["Environment"]["Variables"]
    assert (Decimal(publish["POST_RATE"]), Decimal(publish["POST_BURST"])) == (measured.RATE_PER_S, measured.BURST)
    kept = {each["RetentionInDays"] for each in stack.properties("AWS::Logs::LogGroup").values()}
    assert kept == {measured.LOG_RETENTION_DAYS}


def test_the_site_changes_none_of_it(with_site: Synthesised) -> None:
    test_memory_alarms_pace_and_retention_are_those_of_the_template(with_site)


def test_by_default_clients_come_through_cloudfront_at_its_price_for_north_america(with_site: Synthesised) -> None:
    assert Options(1).site == FeedConfig().site is True
    (distribution,) = with_site.properties("AWS::CloudFront::Distribution").values()
    settings = distribution["DistributionConfig"]
    assert settings["PriceClass"] == "PriceClass_100"
    # One function runs at each handshake, in either spelling of the path.
    assert [len(each["FunctionAssociations"]) for each in settings["CacheBehaviors"]] == [1, 1]
