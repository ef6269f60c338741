"""docs/openapi.yaml is a valid OpenAPI document, by a validator that others use."""

import subprocess
from pathlib import Path

import pytest

from tests.openapi import OPENAPI
from tools.documents import python_of_readers


def test_it_is_a_valid_openapi_document() -> None:
    assert validated(OPENAPI).returncode == 0


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("openapi: 3.1.0", "openapi: 3.1.0\ncolour: blue"),
        ("operationId: coins", "operationId: rates"),
        ("in: path\n      required: true", "in: path"),
        ("'#/components/schemas/Quote'", "'#/components/schemas/Quotation'"),
    ],
)
def test_the_validator_finds_errors(tmp_path: Path, right: str, wrong: str) -> None:
    text = OPENAPI.read_text(encoding="utf-8")
    assert right in text
    spoiled = tmp_path / "openapi.yaml"
    spoiled.write_text(text.replace(right, wrong), encoding="utf-8")
    assert validated(spoiled).returncode in {1, 2}


def validated(document: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(python_of_readers()), "-m", "openapi_spec_validator", str(document)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
