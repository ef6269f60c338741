"""The contract is a valid AsyncAPI document, it forbids unknown fields in frames, and its examples fit it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from tests import schemas
from tests.schemas import CONTRACT, Message, Misfit, check, check_sent, contract, sent_by_clients, sent_by_server

VALIDATE = Path(__file__).with_name("validate.mjs")
NODE = Path(sys.executable).with_name("node")
MESSAGES = [*sent_by_clients().values(), *sent_by_server().values()]
EXAMPLES = [pytest.param(message, each, id=message.name) for message in MESSAGES for each in message.examples]
# The parser reports that 3.1.0 exists. Every generator reads 3.0.0, which is enough for this document.
NEWER_VERSION = {"level": "info", "code": "asyncapi-latest-version", "path": "asyncapi"}


def findings(document: Path) -> list[dict[str, str]]:
    """Return the findings of AsyncAPI's parser, without their texts."""
    done = subprocess.run([NODE, VALIDATE, document], check=True, capture_output=True, text=True, timeout=60)
    return [{key: finding[key] for key in ("level", "code", "path")} for finding in json.loads(done.stdout)]


def test_asyncapis_parser_finds_no_error_and_no_warning() -> None:
    assert findings(CONTRACT) == [NEWER_VERSION]


@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        ("address: ''", "adress: ''", ("error", "asyncapi-document-resolved")),
        ("action: receive", "action: answer", ("error", "asyncapi-document-resolved")),
        ("'#/components/schemas/Quote'", "'#/components/schemas/Quotation'", ("error", "invalid-ref")),
        ("'#/components/schemas/Quote'", "https://example.com/quote.json", ("error", "elsewhere")),
        ("'#/components/schemas/Quote'", "./quote.yaml", ("error", "elsewhere")),
    ],
)
def test_the_parser_finds_errors_and_fetches_nothing(
    tmp_path: Path, right: str, wrong: str, finding: tuple[str, str]
) -> None:
    text = CONTRACT.read_text(encoding="utf-8")
    assert right in text
    spoiled = tmp_path / "asyncapi.yaml"
    spoiled.write_text(text.replace(right, wrong), encoding="utf-8")
    assert finding in {(each["level"], each["code"]) for each in findings(spoiled)}


def test_every_reference_stays_in_the_document() -> None:
    references = [line.partition("$ref:")[2].strip() for line in CONTRACT.read_text().splitlines() if "$ref:" in line]
    assert len(references) > 100
    assert all(reference.startswith("'#/") for reference in references)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_every_message_has_a_description_a_schema_and_an_example(message: Message) -> None:
    described = contract()["channels"]["feed"]["messages"][message.name]
    assert described["title"]
    assert described["summary"]
    assert message.examples
    Draft7Validator.check_schema(message.schema)


def test_every_message_of_the_channel_belongs_to_an_operation() -> None:
    assert {message.name for message in MESSAGES} == set(contract()["channels"]["feed"]["messages"])
    assert not sent_by_clients().keys() & sent_by_server().keys()


def test_every_request_has_its_answer_or_an_error() -> None:
    for name, operation in contract()["operations"].items():
        if operation["action"] == "receive":
            answers = [message["name"] for message in operation["reply"]["messages"]]
            assert "error" in answers, name
            assert len(answers) >= 2, name


def objects(schema: object, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every object schema within a schema."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "object":
            yield path, schema
        for key, value in schema.items():
            yield from objects(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for item in schema:
            yield from objects(item, path)


def test_frames_forbid_unknown_fields_and_requests_allow_them() -> None:
    for message in sent_by_server().values():
        for path, schema in objects(message.schema, message.name):
            # API Gateway's frame is not the feed's, and the set of sources changes.
            if path != "gatewayError" and not path.endswith("/status"):
                assert schema["additionalProperties"] is False, path
                assert set(schema["required"]) <= set(schema["properties"]), path
    for message in sent_by_clients().values():
        for path, schema in objects(message.schema, message.name):
            assert "additionalProperties" not in schema, path


@pytest.mark.parametrize(("message", "example"), EXAMPLES)
def test_every_example_fits_its_message_and_no_other(message: Message, example: object) -> None:
    judge = check_sent if message.name in sent_by_clients() else check
    assert judge(example) == message.name


@pytest.mark.parametrize(("message", "example"), EXAMPLES)
def test_a_message_that_lacks_a_required_field_does_not_fit(message: Message, example: dict[str, Any]) -> None:
    for name in message.schema["required"]:
        lacking = {key: value for key, value in example.items() if key != name}
        assert f"'{name}' is a required property" in {error.message for error in message.validator.iter_errors(lacking)}
        with pytest.raises(Misfit):
            message.check(lacking)


@pytest.mark.parametrize(("message", "example"), EXAMPLES)
def test_an_unknown_field_fits_in_a_request_and_in_no_frame(message: Message, example: dict[str, Any]) -> None:
    more = {**example, "colour": "blue"}
    if message.name in sent_by_clients() or message.name == "gatewayError":
        message.check(more)
    else:
        with pytest.raises(Misfit, match="colour"):
            check(more)


@pytest.mark.parametrize("value", [Decimal(1), Decimal("1.5"), "1", True, None, -1])
def test_a_fraction_a_text_and_true_are_not_whole_numbers(value: object) -> None:
    frame = {"event": "pong", "ts": 1_718_707_723_456}
    assert check(frame) == "pong"
    with pytest.raises(Misfit, match="ts"):
        check({**frame, "ts": value})


@pytest.mark.parametrize(
    ("price", "fits"), [(Decimal("0.1"), True), (7, True), (0, False), ("7", False), (True, False)]
)
def test_a_price_is_any_number_above_zero(price: object, fits: bool) -> None:
    (example,) = sent_by_server()["data"].examples
    frame = {**example, "data": {**example["data"], "spot": price}}
    if fits:
        check(frame)
    else:
        with pytest.raises(Misfit, match="spot"):
            check(frame)


@pytest.mark.parametrize("frame", [[], "pong", 1, None, {"event": "sold"}, {"event": ["pong"]}, {"event": None}, {}])
def test_a_value_that_is_not_a_message_does_not_fit(frame: object) -> None:
    with pytest.raises(Misfit):
        check(frame)
    with pytest.raises(Misfit):
        check_sent(frame)


def test_a_schema_error_says_what_is_wrong_and_where() -> None:
    (example, *_) = sent_by_server()["update"].examples
    quote = {**example["data"][0], "ask": "88203.5"}
    with pytest.raises(Misfit, match=r"update: \['data'\]\[0\]\['ask'\] '88203.5' is not of type 'number'"):
        check({**example, "data": [quote]})


def test_the_examples_of_a_quote_add_up() -> None:
    """`change_pct` relates to the price a day ago, `timestamp` is `ts` in seconds, and a price has six digits."""
    for message in schemas.sent_by_server().values():
        for example in message.examples:
            data = example.get("data", [])
            for quote in data if isinstance(data, list) else [data]:
                percent = quote["change"] * 100 / (quote["spot"] - quote["change"])
                assert quote["change_pct"] == percent.quantize(Decimal("0.000001"))
                assert quote["timestamp"] == quote["ts"] // 1000
                assert quote["bid"] <= quote["ask"]
                assert all(len(quote[name].as_tuple().digits) >= 6 for name in ("bid", "ask", "spot"))
