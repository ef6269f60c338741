"""An address in the logs: the same hash for the same address, which only the key can make."""

from shared.model.logged_address import logged_address


def test_without_a_key_the_address_is_logged() -> None:
    assert logged_address("203.0.113.7", "") == "203.0.113.7"


def test_a_hash_is_the_same_for_the_same_address_and_key_only() -> None:
    hashes = [logged_address(address, key) for address in ("203.0.113.7", "203.0.113.8") for key in ("a", "b")]
    assert len(set(hashes)) == 4
    assert logged_address("203.0.113.7", "a") == hashes[0]
    assert all(len(each) == 16 and "." not in each for each in hashes)
