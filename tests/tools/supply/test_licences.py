"""Each package that is shipped, run or tested with has a licence that `licences.toml` allows."""

import pytest

from tools.supply.bills import Bill
from tools.supply.licences import Rules, refused, rules, stated, with_licences

RULES = Rules(frozenset({"MIT", "ISC"}), frozenset({"OSI Approved"}), {"odd": {"states": "Odd", "why": "Because."}})


@pytest.fixture(scope="module")
def looked_at() -> dict[str, Bill]:
    return with_licences()


def test_every_package_is_allowed(looked_at: dict[str, Bill]) -> None:
    assert {"python", "tools", "tools-browser", "web"} <= looked_at.keys()
    assert sum(len(bill["components"]) for bill in looked_at.values()) > 300
    assert [line for bill in looked_at.values() for line in refused(bill, rules())] == []


def test_every_exception_in_this_environment_is_needed(looked_at: dict[str, Bill]) -> None:
    """checkov's is looked at where checkov is installed."""
    by = rules()
    bare = Rules(by.allowed, by.unsaid, {})
    for component in (each for bill in looked_at.values() for each in bill["components"]):
        assert component["name"] not in by.by_package or not bare.accept(component["name"], stated(component))
    assert all(len(entry["why"].split()) >= 5 for entry in by.by_package.values())


@pytest.mark.parametrize(
    ("name", "said", "is_accepted"),
    [
        ("a", {"MIT"}, True),
        ("a", {"MIT", "OSI Approved"}, True),
        ("a", {"MIT", "GPL-3.0-only"}, False),
        ("a", {"MIT AND GPL-3.0-only"}, False),
        ("a", {"OSI Approved"}, False),
        ("a", set(), False),
        ("odd", {"Odd"}, True),
        ("odd", {"Odd", "GPL-3.0-only"}, False),
        ("odd", {"MIT"}, False),
    ],
)
def test_all_that_a_package_states_has_to_be_allowed(name: str, said: set[str], is_accepted: bool) -> None:
    assert RULES.accept(name, frozenset(said)) is is_accepted


def test_a_refusal_names_the_package_and_its_words() -> None:
    licences = [{"expression": "GPL-3.0-only"}, {"license": {"name": "Own\n words"}}, {"license": {"id": "MIT"}}]
    bill = {"components": [{"name": "x", "version": "1", "licenses": licences}, {"name": "y", "group": "@a"}]}
    assert list(refused(bill, RULES)) == ["x 1: GPL-3.0-only and MIT and Own words", "@a/y : states no licence"]
