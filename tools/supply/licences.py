"""The licences of packages, held against `licences.toml`: `make licences`."""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.environments import ROOT
from tools.supply.bills import Bill, bills, of_environment

FILE = Path(__file__).parent / "licences.toml"


@dataclass(frozen=True, slots=True)
class Rules:
    """What packages may state as their licence, what states nothing, and the packages that are looked at one by one.

    `by_package` has, for a package's name, what it states and why that is fine.
    """

    allowed: frozenset[str]
    unsaid: frozenset[str]
    by_package: Mapping[str, Mapping[str, str]]

    def accept(self, package: str, stated: frozenset[str]) -> bool:
        """Say whether a package with these statements is allowed: all are, and one says something."""
        if package in self.by_package:
            return stated == {self.by_package[package]["states"]} - {""}
        said = stated - self.unsaid
        return bool(said) and said <= self.allowed


def rules() -> Rules:
    """Return the rules of the file."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Rules(frozenset(read["allowed"]), frozenset(read["unsaid"]), read["packages"])


def stated(component: Mapping[str, Any]) -> frozenset[str]:
    """Return what a component of a bill states as its licence: SPDX expressions, or its own words on one line."""
    found = component.get("licenses", [])
    words = (each.get("expression") or each["license"].get("id") or each["license"]["name"] for each in found)
    return frozenset(re.sub(r"\s+", " ", text).strip() for text in words)


def refused(bill: Bill, by: Rules) -> Iterator[str]:
    """Yield each package of a bill that is not allowed, with what it states."""
    for component in bill["components"]:
        name = "/".join(filter(None, (component.get("group"), component["name"])))
        said = stated(component)
        if not by.accept(name, said):
            yield f"{name} {component.get('version', '')}: {' and '.join(sorted(said)) or 'states no licence'}"


def with_licences() -> dict[str, Bill]:
    """Return the bills that state licences: of each environment that is installed here, and of the npm packages.

    What the Lambdas carry is installed in the first environment, too.
    """
    found = {name: bill for name, bill in bills().items() if not name.startswith("functions")}
    for folder in sorted((ROOT / ".local").glob("*-venv")):
        if (folder / "installed").exists():
            found[folder.name] = of_environment(folder / "bin" / "python")
    return found


def main() -> None:
    """Print each package whose licence is not allowed, and fail if there is one."""
    looked_at = with_licences()
    by = rules()
    wrong = [f"{name}: {line}" for name, bill in looked_at.items() for line in refused(bill, by)]
    if wrong:
        sys.exit("\n".join((*wrong, f"Not allowed by {FILE.relative_to(ROOT)}: {len(wrong)} packages.")))
    print(", ".join(f"{name} {len(bill['components'])}" for name, bill in looked_at.items()), "packages: all allowed")


if __name__ == "__main__":
    main()
