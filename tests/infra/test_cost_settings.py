"""What the cost model says of this deployment is what the template says."""

from decimal import Decimal

from tests.infra.synthesis import Synthesised
from tools.cost import measured


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
