"""Two stacks in one account and Region: neither sees, notifies or names anything of the other."""

import json

import pytest

from tests.infra.synthesis import CDK_JSON, Synthesised, synthesise

NAMED = (
    "AlarmName",
    "TableName",
    "FunctionName",
    "RoleName",
    "TopicName",
    "QueueName",
    "LogGroupName",
    "Name",
    "StageName",
)


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return synthesise(tmp_path_factory.mktemp("cdk.out"), stack_name="Staging", alarm_email="ops@example.com")


def watched(stack: Synthesised) -> dict[str, str]:
    """Return the metric of each alarm as text. What CloudFormation names itself has the stack's name in it."""
    name = stack.stack.stack_name
    return {
        alarm["AlarmName"]: json.dumps(
            [
                alarm["Namespace"],
                alarm["MetricName"],
                [
                    [each["Name"], each["Value"] if isinstance(each["Value"], str) else [name, each["Value"]]]
                    for each in alarm["Dimensions"]
                ],
            ]
        )
        for alarm in stack.properties("AWS::CloudWatch::Alarm").values()
    }


def test_no_alarm_watches_a_metric_of_the_other_stack(alarming: Synthesised, staging: Synthesised) -> None:
    ours, theirs = watched(alarming), watched(staging)
    assert len(ours) == len(theirs) > 20
    assert not set(ours) & set(theirs)
    assert not set(ours.values()) & set(theirs.values())


def test_the_functions_write_under_the_name_of_their_stack(alarming: Synthesised, staging: Synthesised) -> None:
    for stack, name in ((alarming, CDK_JSON["context"].get("stack_name", "Cadfeed")), (staging, "Staging")):
        spaces = {
            each["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] for each in stack.functions().values()
        }
        assert spaces == {name}


def test_no_resource_has_a_fixed_name(alarming: Synthesised, staging: Synthesised) -> None:
    """A second stack could not make it."""

    def names(stack: Synthesised) -> set[str]:
        found = stack.template.to_json()["Resources"].values()
        return {
            f"{resource['Type']} {resource['Properties'][named]}"
            for resource in found
            for named in NAMED
            if isinstance(resource.get("Properties", {}).get(named), str)
        }

    shared = names(alarming) & names(staging)
    # Names within an API or a function.
    stages = {"AWS::ApiGatewayV2::Stage live", "AWS::ApiGatewayV2::Stage $default"}
    assert shared == stages | {"AWS::Lambda::Alias trigger"}
