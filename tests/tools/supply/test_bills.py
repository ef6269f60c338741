"""The bills of materials name what is pinned, and are as CycloneDX wants them."""

import json
import re

import pytest
from packaging.utils import canonicalize_name

from tools.environments import ROOT
from tools.supply.bills import Bill, bills, faults
from tools.supply.places import name_of, npm_folders, of_functions


@pytest.fixture(scope="module")
def made() -> dict[str, Bill]:
    return bills()


def test_each_bill_is_as_the_schema_wants_it(made: dict[str, Bill]) -> None:
    assert list(faults(made)) == []


def test_a_bill_that_the_schema_refuses_is_named(made: dict[str, Bill]) -> None:
    broken = {**made["web"], "components": [{"type": "library"}]}
    (fault,) = faults({"web": broken, "tools": made["tools"]})
    assert re.match(r'web: components/0: "name" is a required property', fault)


def test_each_lambdas_bill_has_its_pins(made: dict[str, Bill]) -> None:
    for path in of_functions():
        pinned = re.findall(r"^([\w.-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert pinned
        found = {(each["name"], each["version"]) for each in made[name_of(path)]["components"]}
        assert found == set(pinned)
        # Its licences are those of the environment.
        assert found <= {(canonicalize_name(each["name"]), each["version"]) for each in made["python"]["components"]}


def test_each_npm_bill_has_all_locked_packages(made: dict[str, Bill]) -> None:
    for folder in npm_folders():
        lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
        locked = {(name.rpartition("node_modules/")[2], entry["version"]) for name, entry in lock.items() if name}
        found = {(each["name"], each["version"]) for each in made[name_of(folder)]["components"]}
        assert found == locked
