"""The catalogue holds the 75 assets of the feed, under the names that they have at each source."""

from collections import Counter
from decimal import Decimal

import pytest

from shared.assets import Market, catalogue, market_names
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
    names = [asset.name for asset in catalogue().values()]
    assert all(name.strip() == name and name for name in names)
    assert len(set(names)) == len(names)


def test_the_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        catalogue()["BTC_CAD"] = catalogue()["ETH_CAD"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("code", "markets"),
    [
        ("MATIC", ["POLUSDT", "MATICUSDT"]),
        ("FTM", ["SUSDT", "FTMUSDT"]),
        ("EOS", ["AUSDT", "EOSUSDT"]),
        ("RNDR", ["RENDERUSDT", "RNDRUSDT"]),
        ("MKR", ["MKRUSDT", "SKYUSDT"]),
    ],
)
def test_a_renamed_asset_has_both_of_its_markets(code: str, markets: list[str]) -> None:
    assert [market.name for market in catalogue()[f"{code}_CAD"].markets["binance"]] == markets


def test_one_maker_became_24000_sky_and_no_other_asset_was_divided() -> None:
    divided = {
        (asset.code, market)
        for asset in catalogue().values()
        for markets in asset.markets.values()
        for market in markets
        if market.per_unit != 1
    }
    assert divided == {("MKR", Market("SKYUSDT", Decimal(24_000)))}


def test_terra_classic_is_never_priced_from_the_new_terra() -> None:
    assert [market.name for market in catalogue()["LUNC_CAD"].markets["binance"]] == ["LUNCUSDT"]
    assert "LUNAUSDT" not in market_names("binance")


def test_no_market_prices_two_assets() -> None:
    assert max(Counter(market_names("binance")).values()) == 1


def test_every_binance_market_is_quoted_in_tether_and_named_for_its_asset_or_rename() -> None:
    renames = {"MATIC": "POL", "FTM": "S", "EOS": "A", "MKR": "SKY", "RNDR": "RENDER"}
    for asset in catalogue().values():
        for market in asset.markets.get("binance", ()):
            assert market.name in (f"{asset.code}USDT", f"{renames.get(asset.code)}USDT")


def test_assets_without_a_binance_market_are_those_that_have_none_there() -> None:
    assert [asset.code for asset in catalogue().values() if "binance" not in asset.markets] == ["USDT", "QCAD", "ETHW"]
    listed = {row["symbol"] for row in recorded_json("binance/ticker_24hr_all_2024-01-05T211209Z.json")}
    assert not listed & {"USDTUSDT", "QCADUSDT", "ETHWUSDT"}


def test_a_source_that_no_asset_names_has_no_markets() -> None:
    assert market_names("nobody") == ()
