"""A second place of a fact is noticed, whatever the fact."""

from shared.model.assets import catalogue
from tests.changing.copies import Copy

# By file, a line at its end that repeats a fact.
REPEATED = {
    "shared/store/connections_table.py": 'OTHER = "rates_batch"',
    "shared/publishing/periodic.py": "OTHER = 30_000",
    "shared/publishing/images.py": "OTHER = 30_000.0",
    "shared/requests/routes.py": "HEARTBEAT_S = 30",
    "shared/gateway/batch.py": "OTHER = 30 * 1000",
    "shared/store/quotes_table.py": 'OTHER = "rates"',
    "shared/pricing/quotes.py": "return (a.bid, a.ask, a.spot, a.source) == (b.bid, b.ask, b.spot, b.source)",
    "shared/sources/upstream.py": 'OTHER = ("binance", "kraken", "ndax", "coinbase", "coingecko")',
    "shared/protocol/frames.py": 'OTHER = f"from 1 to {500}"',
    "tools/simulator/server.py": 'OTHER = "ndax_poll_seconds"',
    "clients/python/cadfeed_client/requests.py": 'OTHER = "from 1 to 500"',
    "tools/cost/designs.py": f"OTHER = 2_880 + {len(catalogue())}",
    "shared/requests/history.py": 'OTHER = "a limit of at most 500"',
    "shared/protocol/errors.py": 'OTHER = f"{OTHER} has at most 4,096 bytes"',
    "infra/config.py": 'OTHER = "ndax_poll_seconds"',
    "tools/simulator/lies.py": 'OTHER = ("binance", "kraken", "ndax", "coinbase", "coingecko")',
}
NOTICED_BY = {
    "test_the_name_of_a_channel_is_only_in_channels",
    "test_the_channel_of_single_symbols_is_only_in_channels",
    "test_what_makes_a_quote_changed_is_only_in_advance",
    "test_a_client_does_not_type_a_limit_of_the_server",
    "test_the_half_minute_is_only_in_staleness",
    "test_another_heartbeat_is_not_taken_for_another_fact",
    "test_how_many_candles_are_kept_is_typed_nowhere",
    "test_the_number_of_assets_is_typed_once",
    "test_a_limit_is_not_typed_in_a_text",
    "test_the_name_of_a_sources_setting_is_typed_nowhere",
    "test_no_list_names_all_sources_again",
    "test_no_prose_types_the_number_of_assets",
}


def test_a_second_place_of_each_fact_is_noticed(copy: Copy) -> None:
    for path, line in REPEATED.items():
        text = (copy.root / path).read_text(encoding="utf-8")
        (copy.root / path).write_text(f"{text}\n\ndef _repeated() -> None:\n    {line}\n", encoding="utf-8")
    copy.edit("README.md", ("24-hour change of each asset", f"24-hour change of {len(catalogue())} assets"))
    assert copy.failing("tests/tools/test_one_place.py") == NOTICED_BY
