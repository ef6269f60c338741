"""The settings of every source. They follow from its `Source`, so a new source needs no entry anywhere else.

Every source has `<name>_base_url`; one with its own pace also has `<name>_poll_seconds`, one with a plan
`<name>_key_parameter`. A deployment's context has them by these names, the Lambda's environment in capitals.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.settings import whole_number
from shared.sources.all_sources import SOURCES

BASE_URL, POLL_SECONDS, KEY_PARAMETER = "base_url", "poll_seconds", "key_parameter"


@dataclass(frozen=True, slots=True)
class SourceSetting:
    """One setting of one source: `kind` is `BASE_URL`, `POLL_SECONDS` or `KEY_PARAMETER`."""

    source: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.source}_{self.kind}"


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """The chosen settings, by source. A missing source has its public address, its own pace and no key.

    `key_parameters` are the names of parameters that hold a key, never a key.
    """

    base_urls: Mapping[str, str]
    poll_every_ms: Mapping[str, int]
    key_parameters: Mapping[str, str]


def source_settings() -> list[SourceSetting]:
    """Every setting of every source."""
    found: list[SourceSetting] = []
    for source in (make() for make in SOURCES):
        found.append(SourceSetting(source.name, BASE_URL))
        if source.poll_every_ms:
            found.append(SourceSetting(source.name, POLL_SECONDS))
        if source.plan:
            found.append(SourceSetting(source.name, KEY_PARAMETER))
    return found


def read_source_settings(environment: Mapping[str, str]) -> SourceSettings:
    """The settings in a Lambda's environment. An empty text and a pace of 0 mean the default.

    Raises:
        ValueError: a pace is not a whole number. The text names the variable.
    """
    chosen: dict[str, dict[str, str]] = {BASE_URL: {}, POLL_SECONDS: {}, KEY_PARAMETER: {}}
    for setting in source_settings():
        if text := environment.get(setting.name.upper()):
            chosen[setting.kind][setting.source] = text
    return SourceSettings(
        base_urls=chosen[BASE_URL],
        poll_every_ms={
            source: seconds * 1000
            for source, text in chosen[POLL_SECONDS].items()
            if (seconds := whole_number(SourceSetting(source, POLL_SECONDS).name.upper(), text))
        },
        key_parameters=chosen[KEY_PARAMETER],
    )
