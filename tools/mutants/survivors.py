"""The list of survivors: which changes no test notices, and why none has to."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).parent / "survivors.toml"


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutant changed: the lines that it took away and those that it put there, without their indentation.

    `place`: the module with the function or the class and its method, `shared.pricing.fx.Rates.of`.
    """

    place: str
    was: str
    became: str

    def __str__(self) -> str:
        return f"{self.place}\n    - {self.was}\n    + {self.became}"

    def as_entry(self) -> str:
        """The change as an entry of the list, whose reason is still to be written."""
        fields = (("place", self.place), ("was", self.was), ("became", self.became), ("why", ""))
        return "\n".join(["[[survivor]]", *(f"{name} = {_quoted(text)}" for name, text in fields)])


def listed(path: Path = LIST) -> Mapping[Change, str]:
    """The reason of each change in the list.

    Raises:
        ValueError: the file does not have the form of the list, names a change twice or gives no reason.
    """
    reasons: dict[Change, str] = {}
    for number, entry in enumerate(tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", []), 1):
        if set(entry) != {"place", "was", "became", "why"} or not all(isinstance(text, str) for text in entry.values()):
            raise ValueError(f"{path.name}: survivor {number} needs the texts place, was, became and why, only")
        change = Change(entry["place"], entry["was"], entry["became"])
        if change in reasons:
            raise ValueError(f"{path.name}: survivor {number} is there twice: {change}")
        if not entry["why"].strip():
            raise ValueError(f"{path.name}: survivor {number} has no reason: {change}")
        reasons[change] = entry["why"]
    return reasons


def unlisted(survived: Sequence[Change], reasons: Mapping[Change, str]) -> list[Change]:
    """The survivors that have no reason."""
    return sorted({change for change in survived if change not in reasons}, key=str)


def stale(reasons: Mapping[Change, str], survived: Sequence[Change], modules: Sequence[str]) -> list[Change]:
    """The listed changes of these modules that were caught, or that are made no more."""
    return [
        change
        for change in reasons
        if change not in survived and any(change.place.startswith(f"{module}.") for module in modules)
    ]


def _quoted(text: str) -> str:
    if "'" not in text:
        return f"'{text}'"
    if "'''" not in text:
        return f"'''{text}'''"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
