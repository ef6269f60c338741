"""The ledger finds a quote that differs, before and after the stored one was seen."""

from dataclasses import replace
from decimal import Decimal

from shared.model.values import Quote, Snapshot
from shared.protocol.quotes import quote_fields
from tests.e2e.ledger import Ledger, Update
from tests.samples import quote

BTC = replace(quote("BTC_CAD"), seq=4)
OTHER = replace(BTC, spot=BTC.spot + Decimal("0.01"))


def snapshot(of: Quote, seq: int = 4) -> Snapshot:
    return Snapshot(seq=seq, ts_ms=of.ts_ms, quotes={of.symbol: of})


def test_what_is_told_right_is_judged_in_either_order() -> None:
    ledger = Ledger()
    ledger.tell(quote_fields(BTC))
    assert (ledger.judged, ledger.unknown()) == (0, 1)
    ledger.store(snapshot(BTC))
    ledger.tell(quote_fields(BTC))
    assert (ledger.judged, ledger.unknown(), ledger.wrong) == (2, 0, [])


def test_what_differs_is_wrong_in_either_order() -> None:
    ledger = Ledger()
    ledger.tell(quote_fields(OTHER))
    ledger.store(snapshot(BTC))
    ledger.tell(quote_fields(OTHER))
    assert len(ledger.wrong) == 2
    assert ledger.judged == 2


def test_a_quote_is_stored_with_one_set_of_values() -> None:
    ledger = Ledger()
    ledger.store(snapshot(BTC))
    ledger.store(snapshot(OTHER, seq=5))
    assert len(ledger.wrong) == 1


def test_clients_are_held_against_each_other_too() -> None:
    """This holds where no look at the table saw the quote."""
    ledger = Ledger()
    ledger.tell(quote_fields(BTC))
    assert ledger.contradictions() == []
    ledger.tell(quote_fields(OTHER))
    assert len(ledger.contradictions()) == 1
    assert ledger.unknown() == 2


def test_an_update_has_to_hold_all_that_changed() -> None:
    ledger = Ledger()
    whole, empty = (Update(("BTC_CAD", "ETH_CAD"), 3, 4, frozenset(told)) for told in ({"BTC_CAD"}, ()))
    ledger.tell_update(whole)
    ledger.tell_update(empty)
    assert ledger.updates == 0
    ledger.store(snapshot(BTC))
    assert ledger.updates == 2
    assert ledger.lacking == ["update 4 after 3 lacks ['BTC_CAD']"]
    ledger.tell_update(Update(("BTC_CAD",), 4, 4, frozenset()))
    ledger.tell_update(Update(("ETH_CAD",), 3, 4, frozenset()))
    assert len(ledger.lacking) == 1
