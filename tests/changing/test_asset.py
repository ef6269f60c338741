"""`docs/changing/an-asset.md` names every file of a new asset: the simulated market prices it."""

import json

from tests.changing.copies import Copy, listed, with_line

PRICED = """
import json
from tools.cost.frames import STARTED_MS, MarketFeed
from shared.model.staleness import ages
from shared.model.values import Snapshot
from shared.pricing.next_snapshot import next_snapshot
made = next_snapshot(Snapshot(), MarketFeed().poll(STARTED_MS), STARTED_MS, ages(5, 30)).quotes["PEPE_CAD"]
print(json.dumps([made.source.split(":")[0], made.sources, made.simulated, len(made.symbol)]))
"""
ASSET = """,
  {"asset": "PEPE", "name": "Pepe", "decimals": 10, "markets": [
      {"source": "binance", "market": "PEPEUSDT", "quote": "USDT"},
      {"source": "kraken", "market": "PEPEUSD", "quote": "USD"},
      {"source": "coingecko", "market": "pepe", "quote": "CAD"}
    ]}
]
"""
PRICE = {
    "price": "0.000004210",
    "tick": "0.00000001",
    "spread_ticks": 1,
    "moves_every": 2,
    "volatility": "0.06",
    "turnover": "90000000",
}
CHECKED = (
    "tests/contract/test_drift.py",
    "tests/contract/test_guide.py",
    "tests/model",
    "tests/tools/test_one_place.py",
    "tests/tools/cost/test_designs.py::test_without_listeners_nothing_is_sent",
    "tests/simulator/test_simulated_agreement.py::test_all_sources_agree_in_cad",
    "tests/simulator/test_simulated_agreement.py::test_every_live_market_of_the_catalogue_has_an_honest_price",
)


def change(copy: Copy) -> None:
    copy.edit(
        "shared/model/assets.json",
        ('"market": "apecoin", "quote": "CAD"}\n    ]}\n]\n', f'"market": "apecoin", "quote": "CAD"}}\n    ]}}{ASSET}'),
    )
    copy.edit(
        "tools/simulator/reference_prices.json",
        ('"turnover": "4800000"}\n  }\n', f'"turnover": "4800000"}},\n    "PEPE": {json.dumps(PRICE)}\n  }}\n'),
    )
    copy.edit(
        "tests/model/test_assets.py",
        ('    "APE",\n]', '    "APE", "PEPE",\n]'),
        ("assert len(LISTED) == 75", "assert len(LISTED) == 76"),
    )
    with_line(copy, "The asset PEPE.")


def test_an_asset_touches_the_listed_files_and_gets_a_price(copy: Copy) -> None:
    change(copy)
    copy.tables()
    assert copy.changed() == listed("an-asset.md")
    assert copy.ask(PRICED) == ["binance", 3, False, len("PEPE_CAD")]
    copy.assert_passes(*CHECKED)
