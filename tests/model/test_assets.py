"""The catalogue holds the 75 assets of the feed, under the names that they have at each source."""

import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from shared.model.assets import DEFAULT_BAND, Market, catalogue, market_names
from shared.sources.all_sources import SOURCES
from tests.recordings import recorded_json

LISTED = [
    "BTC", "ETH", "LTC", "XRP", "BCH", "USDC", "XMR", "XLM", "USDT", "QCAD", "DOGE", "LINK", "MATIC", "UNI", "COMP",
    "AAVE", "DAI", "SUSHI", "SNX", "CRV", "DOT", "YFI", "MKR", "PAXG", "ADA", "BAT", "ENJ", "AXS", "DASH", "EOS",
    "BAL", "KNC", "ZRX", "SAND", "GRT", "QNT", "ETC", "ETHW", "1INCH", "CHZ", "CHR", "SUPER", "ELF", "OMG", "FTM",
    "MANA", "SOL", "ALGO", "LUNC", "UST", "ZEC", "XTZ", "AMP", "REN", "UMA", "SHIB", "LRC", "ANKR", "HBAR", "EGLD",
    "AVAX", "ONE", "GALA", "ALICE", "ATOM", "DYDX", "CELO", "STORJ", "SKL", "CTSI", "BAND", "ENS", "RNDR", "MASK",
    "APE",
]  # fmt: skip


def test_the_feed_lists_its_75_assets_in_their_order() -> None:
    assert len(LISTED) == 75
    assert [asset.code for asset in catalogue().values()] == LISTED
    assert list(catalogue()) == [f"{code}_CAD" for code in LISTED]


def test_an_asset_is_found_under_its_own_symbol() -> None:
    assert all(symbol == asset.symbol for symbol, asset in catalogue().items())


def test_every_asset_has_a_name_of_its_own() -> None:
    listed = [asset.name for asset in catalogue().values()]
    assert all(name.strip() == name and name for name in listed)
    assert len(set(listed)) == len(listed)


def test_the_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        catalogue()["BTC_CAD"] = catalogue()["ETH_CAD"]  # type: ignore[index]


def names(code: str, source: str) -> list[str]:
    return [market.name for market in catalogue()[f"{code}_CAD"].markets if market.source == source]


def test_an_assets_cad_market_comes_first() -> None:
    direct = {
        asset.code: asset.markets[0].name
        for asset in catalogue().values()
        if asset.markets[0].quote == "CAD" and asset.markets[0].source == "kraken"
    }
    assert direct == {
        "BTC": "XBTCAD", "ETH": "ETHCAD", "XRP": "XRPCAD", "USDC": "USDCCAD", "USDT": "USDTCAD", "DOGE": "XDGCAD",
        "SOL": "SOLCAD",
    }  # fmt: skip


def test_every_asset_lists_coingecko_once_and_last() -> None:
    """The exceptions are assets whose coin trades nowhere else."""
    for asset in catalogue().values():
        at_coingecko = asset.markets[0 if asset.code in {"MKR", "QCAD"} else -1]
        assert at_coingecko == Market("coingecko", at_coingecko.name, "CAD")
        assert len([market for market in asset.markets if market.source == "coingecko"]) == 1


def test_the_sources_have_one_order_apart_from_cad_markets() -> None:
    order = [make().name for make in SOURCES]
    for asset in catalogue().values():
        crosses = asset.markets[asset.markets[0].quote == "CAD" :]
        places = [order.index(market.source) for market in crosses]
        assert places == sorted(places), asset.code


@pytest.mark.parametrize(
    ("code", "today", "binance", "kraken"),
    [
        ("MATIC", "POL", ["POLUSDT"], ["POLUSD"]),
        ("FTM", "S", ["SUSDT"], ["SUSD"]),
        ("EOS", "A", ["AUSDT"], ["AUSD"]),
        ("MKR", "SKY", ["SKYUSDT"], ["SKYUSD"]),
        ("RNDR", "RENDER", ["RENDERUSDT"], ["RENDERUSD"]),
        ("UST", "USTC", ["USTCUSDT"], []),
    ],
)
def test_a_renamed_asset_has_the_markets_of_its_new_name(
    code: str, today: str, binance: list[str], kraken: list[str]
) -> None:
    assert catalogue()[f"{code}_CAD"].renamed_to == today
    assert (names(code, "binance"), names(code, "kraken")) == (binance, kraken)


def test_six_assets_were_renamed() -> None:
    renamed = [asset.code for asset in catalogue().values() if asset.renamed_to]
    assert sorted(renamed) == ["EOS", "FTM", "MATIC", "MKR", "RNDR", "UST"]


@pytest.mark.parametrize(
    ("day", "sky"),
    [
        ("2024-09-18", 24_000),
        ("2025-09-21", 24_000),
        ("2025-09-22", 23_760),
        ("2026-09-13", 23_040),
        ("2026-09-14", 22_800),
        ("2026-11-28", 22_800),
        ("2026-12-14", 22_560),
        ("2028-12-11", 20_640),
    ],
)
def test_one_mkr_becomes_24000_sky_less_a_growing_penalty(day: str, sky: int) -> None:
    """Since September 2025 the penalty grows by one percent each quarter."""
    upgraded = {
        m.name: m.per_unit_at(midnight_ms(day)) for m in catalogue()["MKR_CAD"].markets if m.source != "coingecko"
    }
    assert upgraded == dict.fromkeys(("SKYUSDT", "SKYUSD", "SKY-USD"), Decimal(sky))


def test_no_other_asset_has_a_ratio() -> None:
    divided = {asset.code for asset in catalogue().values() for market in asset.markets if market.upgrade}
    assert divided == {"MKR"}
    assert catalogue()["MKR_CAD"].markets[0].per_unit_at(0) == 1


def midnight_ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def test_the_past_markets_of_renamed_assets_end_with_a_day() -> None:
    """Binance closed them at 03:00 UTC of that day."""
    past = {
        asset.code: [(market.source, market.name, market.quote, market.until_ms) for market in asset.past_markets]
        for asset in catalogue().values()
        if asset.past_markets
    }
    assert past == {
        "MATIC": [("binance", "MATICUSDT", "USDT", midnight_ms("2024-09-10"))],
        "FTM": [("binance", "FTMUSDT", "USDT", midnight_ms("2025-01-13"))],
    }


def test_a_past_market_has_its_assets_old_name_alone() -> None:
    for asset in catalogue().values():
        for market in asset.past_markets:
            assert asset.renamed_to
            assert market.name.startswith(asset.code)
            assert market.name not in market_names(market.source)
            assert market.per_unit_at(0) == 1


def test_only_past_markets_have_an_end() -> None:
    assert not any(market.until_ms for asset in catalogue().values() for market in asset.markets)


@pytest.mark.parametrize(("before_ms", "existed"), [(-86_400_000, True), (-1, True), (0, False), (3_600_000, False)])
def test_a_past_market_exists_until_the_day_on_which_it_ended(before_ms: int, existed: bool) -> None:
    (matic,) = catalogue()["MATIC_CAD"].past_markets
    assert matic.existed_at(midnight_ms("2024-09-10") + before_ms) is existed


def test_a_market_with_an_upgrade_exists_from_its_first_step_on() -> None:
    """SKY began on 2024-09-18. Before that the ratio has no meaning, and stays the first one."""
    first_ms = midnight_ms("2024-09-18")
    for market in catalogue()["MKR_CAD"].markets:
        assert market.existed_at(first_ms)
        assert market.existed_at(first_ms - 1) is not bool(market.upgrade)
        assert market.per_unit_at(0) == (24_000 if market.upgrade else 1)


def test_a_market_without_upgrade_and_end_has_always_existed() -> None:
    market = Market("binance", "BTCUSDT", "USDT")
    assert market.existed_at(0)
    assert market.existed_at(10**14)


def test_an_upgraded_market_that_ended_exists_in_between() -> None:
    market = Market("binance", "XUSDT", "USDT", upgrade=((100, Decimal(5)), (200, Decimal(4))), until_ms=300)
    assert [market.existed_at(at_ms) for at_ms in (99, 100, 299, 300)] == [False, True, True, False]


def test_stablecoins_have_a_narrower_band() -> None:
    narrow = {asset.code for asset in catalogue().values() if asset.band != DEFAULT_BAND}
    assert narrow == {"USDC", "USDT", "QCAD", "DAI"}
    assert {catalogue()[f"{code}_CAD"].band for code in narrow} == {Decimal("0.01")}


def test_the_docs_list_the_assets_with_fewer_than_three_sources() -> None:
    few = {
        asset.code: len({market.source for market in asset.markets})
        for asset in catalogue().values()
        if len({market.source for market in asset.markets}) < 3
    }
    text = (Path(__file__).parents[2] / "docs/prices.md").read_text(encoding="utf-8")
    table = text.partition("\n## Assets with fewer than three sources\n")[2]
    assert {code: int(count) for code, count in re.findall(r"^\| (\w+) \| (\d) \|", table, re.MULTILINE)} == few


def test_terra_classic_is_never_priced_from_the_new_terra() -> None:
    assert names("LUNC", "binance") == ["LUNCUSDT"]
    assert names("LUNC", "coingecko") == ["terra-luna"]
    assert names("LUNC", "kraken") == ["LUNAUSD"]
    assert "LUNAUSDT" not in market_names("binance")
    assert "terra-luna-2" not in market_names("coingecko")


def test_no_market_prices_two_assets() -> None:
    every = Counter((market.source, market.name) for asset in catalogue().values() for market in asset.markets)
    assert max(every.values()) == 1


def test_a_markets_name_is_its_asset_and_its_quote_currency() -> None:
    at_kraken = {"BTC": "XBT", "DOGE": "XDG", "LUNC": "LUNA"}
    at_coinbase = {"CELO": "CGLD"}
    for asset in catalogue().values():
        for market in asset.markets:
            codes = {asset.code, asset.renamed_to}
            match market.source:
                case "binance":
                    assert market.name in {f"{code}USDT" for code in codes}
                    assert market.quote == "USDT"
                case "kraken":
                    assert market.name in {f"{at_kraken.get(str(code), code)}{market.quote}" for code in codes}
                    assert market.quote in {"CAD", "USD"}
                case "coinbase":
                    assert market.name in {f"{at_coinbase.get(str(code), code)}-USD" for code in codes}
                    assert market.quote == "USD"
                case "ndax":
                    assert market.name in {f"{code}_CAD" for code in codes}
                    assert market.quote == "CAD"
                case source:
                    assert source in {make().name for make in SOURCES}


def test_an_asset_lacks_binance_only_if_binance_lacks_it() -> None:
    without = [asset.code for asset in catalogue().values() if not names(asset.code, "binance")]
    assert without == [
        "XMR", "USDT", "QCAD", "DAI", "BAL", "ETHW", "ELF", "OMG", "REN", "LRC", "STORJ",
    ]  # fmt: skip
    listed = {row["symbol"] for row in recorded_json("binance/ticker_24hr_all_2024-01-05T211209Z.json")}
    assert not listed & {"USDTUSDT", "QCADUSDT", "ETHWUSDT"}


def test_every_kraken_market_was_online_when_recorded() -> None:
    """Its altname and its quote currency are the recorded ones."""
    pairs = {
        pair["altname"]: pair for pair in recorded_json("kraken/AssetPairs_all_2026-01-12.json")["result"].values()
    }
    for asset in catalogue().values():
        for market in asset.markets:
            if market.source == "kraken" and market.name != "QCADUSD":  # opened since
                assert pairs[market.name]["status"] == "online"
                assert pairs[market.name]["wsname"].endswith(f"/{market.quote}")


def test_an_asset_lacks_kraken_only_if_kraken_has_none_online() -> None:
    without = [asset.code for asset in catalogue().values() if not names(asset.code, "kraken")]
    assert without == ["ETHW", "ELF", "UST", "AMP", "ONE", "SKL"]
    pairs = recorded_json("kraken/AssetPairs_all_2026-01-12.json")["result"].values()
    online = {pair["altname"] for pair in pairs if pair["status"] == "online"}
    assert not online & {f"{code}{quote}" for code in (*without, "USTC") for quote in ("CAD", "USD", "USDT")}


def test_every_coinbase_market_was_online_when_recorded() -> None:
    products = {row["id"]: row["status"] for row in recorded_json("coinbase/products_2021-04-17.json")}
    listed = [products[name] for name in market_names("coinbase") if name in products]
    assert set(listed) == {"online"}


def test_a_source_that_no_asset_names_has_no_markets() -> None:
    assert market_names("nobody") == ()


def test_decimals_for_display_are_cents_at_least() -> None:
    decimals = {asset.code: asset.decimals for asset in catalogue().values()}
    assert min(decimals.values()) == 2
    assert (decimals["BTC"], decimals["SHIB"], decimals["QCAD"]) == (2, 10, 5)
