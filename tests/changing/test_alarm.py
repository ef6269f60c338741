"""`docs/changing/an-alarm.md` names every file of a new alarm: it is in the template and in the bill."""

import re

from tests.changing.copies import Copy, listed, with_line

BILL = "import json; from tools.cost.measured import ALARMS; print(json.dumps(ALARMS))"

ALARM = """        self._alarm(
            "TicksSlow",
            ingest.metric("TickDuration", "Maximum"),
            "For five minutes ticks have taken more than ten seconds: look at the log group of ingest.",
            threshold=10_000,
            minutes=5,
        )
"""


def count_one_more(copy: Copy, name: str) -> None:
    """Add one to a number of the cost model."""
    text = (copy.root / "tools/cost/measured.py").read_text(encoding="utf-8")
    ((line, number),) = re.findall(rf"^({name} = (\d+))", text, re.MULTILINE)
    copy.edit("tools/cost/measured.py", (line, f"{name} = {int(number) + 1}"))


def change(copy: Copy) -> None:
    held = '        self._alarm(\n            "PricesHeld",\n'
    copy.edit("infra/monitoring.py", (held, ALARM + held))
    watched = '    "TicksSlow": ("Cadfeed TickDuration", "Maximum", 60, 5, ABOVE, 10_000, "notBreaching"),\n'
    before = '    "PricesHeld": ('
    copy.edit("tests/infra/test_monitoring.py", (before, watched + before))
    count_one_more(copy, "ALARMS")
    with_line(copy, "An alarm for slow ticks.")


def test_an_alarm_touches_the_listed_files_and_is_deployed(copy: Copy) -> None:
    before = copy.ask(BILL)
    change(copy)
    copy.tables(of_stacks=True)
    assert copy.changed() == listed("an-alarm.md")
    assert copy.ask(BILL) == before + 1
    copy.assert_passes("tests/tools/cost/test_designs.py::test_without_listeners_nothing_is_sent")
    copy.assert_passes("tests/infra/test_monitoring.py", "tests/infra/test_cost_settings.py", "-k", "not site")


def test_an_alarm_with_a_metric_of_its_own_fails_no_other_test(copy: Copy) -> None:
    """The metric is that of each tick, as the last paragraph of the list says."""
    count_one_more(copy, "ALARMS")
    count_one_more(copy, "CUSTOM_METRICS")
    held = '    metrics.add_metric("PricesHeld", MetricUnit.Count, tick.held)\n'
    copy.edit("functions/ingest/handler.py", (held, held + held.replace("PricesHeld", "PricesStill")))
    copy.assert_passes(
        "tests/functions/ingest/test_handler.py",
        "tests/tools/cost/test_designs.py::test_without_listeners_nothing_is_sent",
    )


def test_an_alarm_that_is_not_in_the_bill_is_noticed(copy: Copy) -> None:
    change(copy)
    copy.undo("tools/cost/measured.py")
    assert copy.failing("tests/infra/test_cost_settings.py", "-k", "not site") == {
        "test_the_cost_model_uses_the_templates_settings"
    }
