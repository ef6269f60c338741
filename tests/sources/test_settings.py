"""A source's settings follow from its own file: no other place names them."""

import pytest

from shared.sources import all_sources, coingecko
from shared.sources.all_sources import SOURCES
from shared.sources.settings import read_source_settings, source_settings
from shared.sources.upstream import Plan, Source

NAMES = [make().name for make in SOURCES]


def test_every_source_has_a_base_url() -> None:
    chosen = read_source_settings({f"{name.upper()}_BASE_URL": f"http://{name}" for name in NAMES})
    assert chosen.base_urls == {name: f"http://{name}" for name in NAMES}
    assert read_source_settings({"KRAKEN_BASE_URL": "http://k", "ER_API_BASE_URL": ""}).base_urls == {
        "kraken": "http://k"
    }


def test_only_a_source_with_a_pace_of_its_own_has_another() -> None:
    chosen = read_source_settings({f"{name.upper()}_POLL_SECONDS": "7" for name in NAMES} | {"NDAX_POLL_SECONDS": "0"})
    paced = {source.name for source in (make() for make in SOURCES) if source.poll_every_ms}
    assert {"ndax", "coingecko"} < paced
    assert not paced & {"binance", "kraken"}
    assert chosen.poll_every_ms == dict.fromkeys(paced - {"ndax"}, 7_000)


def test_only_a_source_that_takes_a_key_has_a_parameter() -> None:
    chosen = read_source_settings({f"{name.upper()}_KEY_PARAMETER": "/key" for name in NAMES})
    assert chosen.key_parameters == {"coingecko": "/key"}


def test_a_pace_that_is_not_a_number_is_named() -> None:
    with pytest.raises(ValueError, match="variable NDAX_POLL_SECONDS is 'fast', not a number"):
        read_source_settings({"NDAX_POLL_SECONDS": "fast"})


def test_a_new_source_has_its_settings_from_its_own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Source(
        "new", "https://new", "/", dict, lambda _: [], poll_every_ms=5_000, plan=lambda _: Plan("x-key", 1_000)
    )
    monkeypatch.setattr("shared.sources.settings.SOURCES", (*all_sources.SOURCES, lambda: new))
    names = [setting.name for setting in source_settings()]
    assert [name for name in names if name.startswith("new_")] == [
        "new_base_url",
        "new_poll_seconds",
        "new_key_parameter",
    ]


@pytest.mark.parametrize(
    ("host", "header", "pace_ms"),
    [
        ("https://api.coingecko.com", "x-cg-demo-api-key", 270_000),
        ("https://pro-api.coingecko.com", "x-cg-pro-api-key", 30_000),
    ],
)
def test_a_key_goes_to_its_host_at_the_pace_of_its_plan(host: str, header: str, pace_ms: int) -> None:
    source = coingecko.source().with_key("CG-1", host)
    assert source.headers == {header: "CG-1"}
    assert (source.poll_every_ms, source.hold_ms) == (pace_ms, 2 * pace_ms)


def test_a_month_at_the_pace_of_a_plan_fits_into_its_calls() -> None:
    month_ms = 31 * 86_400_000
    assert month_ms / coingecko.DEMO.poll_every_ms <= 10_000
    assert month_ms / coingecko.PAID.poll_every_ms <= 100_000
