"""Numbers and JSON are exact on the wire, and anything else is refused."""

import json
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.model.wire import decimal_of, dumps, loads, number_text

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")  # RFC 8259, 6, without the exponent
decimals = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**25), 10**25),
    st.integers(-90, 60),
)
exact_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | decimals | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=15,
)


@given(decimals)
@example(Decimal("0.0000123"))
@example(Decimal("-0E-30"))
@example(Decimal("1E+59"))
@example(Decimal("99999.95"))
def test_a_number_has_no_exponent_in_json_and_keeps_its_value(value: Decimal) -> None:
    text = number_text(value)
    assert JSON_NUMBER.fullmatch(text)
    assert Fraction(text) == Fraction(value)


@given(decimals.filter(bool))
def test_a_nonzero_number_has_at_least_six_significant_digits(value: Decimal) -> None:
    assert len(number_text(value).lstrip("-").replace(".", "").lstrip("0")) >= 6


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.0000123", "0.0000123000"),
        ("0.000012439404", "0.000012439404"),
        ("86762.650000", "86762.65"),
        ("1", "1.00000"),
        ("12345.6", "12345.6"),
        ("999999", "999999"),
        ("1000000.00", "1000000"),
        ("1.0E+1", "10.0000"),
        ("-0.5", "-0.500000"),
        ("0E-8", "0"),
        ("-0", "0"),
    ],
)
def test_zeros_are_padded_to_six_digits_and_not_beyond(value: str, text: str) -> None:
    assert number_text(Decimal(value)) == text


@given(exact_json)
def test_dumped_values_load_unchanged(value: Any) -> None:
    text = dumps(value)
    assert loads(text) == value
    json.loads(text)  # as any other JSON parser reads it


@given(decimals)
def test_a_decimal_survives_dumps_and_loads_in_value(value: Decimal) -> None:
    assert Decimal(loads(dumps({"bid": value}))["bid"]) == value


def test_a_lone_surrogate_is_escaped_and_so_can_be_sent() -> None:
    text = dumps({"\ud800": "\udfff"})
    assert text.encode("utf-8") == b'{"\\ud800":"\\udfff"}'
    assert loads(text) == {"\ud800": "\udfff"}


@pytest.mark.parametrize("value", [1.5, {"bid": 0.1}, [float("nan")], {1, 2}, b"BTC_CAD"])
def test_values_without_an_exact_form_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no exact JSON form"):
        dumps(value)


@pytest.mark.parametrize(
    "text",
    [
        "NaN", "[Infinity]", '{"bid":-Infinity}', "", "{", "[1,]", "'a'", b"\xff\xfe\xff", b"\xff", "01", "+1", ".5",
        "1e99999999999999999999", "[1e-99999999999999999999]", '{"event":0.0e99999999999999999999}', "9" * 5000,
    ],
)  # fmt: skip
def test_invalid_json_and_huge_numbers_are_value_errors(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        loads(text)


def test_a_fraction_in_json_is_never_a_float() -> None:
    loaded = loads('{"bid":0.1000,"ask":1E-7,"count":12}')
    assert loaded == {"bid": Decimal("0.1"), "ask": Decimal("0.0000001"), "count": 12}
    assert [type(value) for value in loaded.values()] == [Decimal, Decimal, int]
    assert str(loaded["bid"]) == "0.1000"


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ("43650.00000000", "43650.00000000"),
        (Decimal("1.3347"), "1.3347"),
        (12, "12"),
        ("1e-30", "1E-30"),
        ("-1.5", "-1.5"),
        ("0", "0"),
        ("0.0000000000000000000000000000012345678", "1.2345678E-30"),
    ],
)
def test_a_number_is_taken_as_it_was_sent(sent: object, number: str) -> None:
    assert str(decimal_of(sent)) == number


@pytest.mark.parametrize("sent", [True, False, None, 1.5, [], {}, ["1"], b"1"])
def test_a_value_of_another_type_is_not_a_number(sent: object) -> None:
    with pytest.raises(ValueError, match="not a decimal number"):
        decimal_of(sent)


@pytest.mark.parametrize(
    "sent",
    [
        "NaN", "sNaN", "-NaN123", "Infinity", "-inf", "", " ", "n/a", "1,5", "0x10", "1.", ".5", "1e", "--1", "1 2",
        # `Decimal` accepts all of these; no upstream documents them, so they are not prices.
        "1_000", " 1", "1\n", "\u0661\u0662", "\uff11.\uff15",
    ],
)  # fmt: skip
def test_a_text_that_is_not_a_plain_decimal_is_not_a_number(sent: str) -> None:
    with pytest.raises(ValueError, match="not a decimal number"):
        decimal_of(sent)


@pytest.mark.parametrize(
    "sent", ["1e999999", "1e-999999", "1e31", "1e-31", "1e99999999999999999999", "0e-999999", Decimal("1E+31")]
)
def test_an_exponent_beyond_any_price_is_refused(sent: object) -> None:
    with pytest.raises(ValueError, match="not a"):
        decimal_of(sent)


@pytest.mark.parametrize("sent", ["1" * 41, "0." + "0" * 39, 10**40, Decimal("1." + "1" * 39)])
def test_a_number_of_absurd_length_is_refused(sent: object) -> None:
    with pytest.raises(ValueError, match="41 characters"):
        decimal_of(sent)


@given(st.text() | st.integers() | st.decimals() | st.floats() | st.binary())
def test_any_input_is_a_finite_number_or_a_value_error(sent: object) -> None:
    try:
        number = decimal_of(sent)
    except ValueError:
        return
    assert number.is_finite()
    assert abs(number.adjusted()) <= 30
