"""The contract of the documents, `docs/openapi.yaml`, as a check of answers."""

import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from shared.documents.answers import Answer
from shared.model.wire import loads

OPENAPI = Path(__file__).parents[1] / "docs" / "openapi.yaml"


class Undescribed(AssertionError):
    """An answer that the contract does not describe."""


@cache
def openapi() -> Mapping[str, Any]:
    """Return the document with all references resolved. What stands beside a reference in a schema is left out."""
    document = yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))

    def resolved(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" not in node:
                return {key: resolved(value) for key, value in node.items()}
            target = document
            for key in node["$ref"].removeprefix("#/").split("/"):
                target = target[key]
            return resolved(target)
        return [resolved(item) for item in node] if isinstance(node, list) else node

    return dict(resolved(document))


def template_of(path: str) -> str:
    """Return the contract's template for a path of a request.

    Raises:
        Undescribed: there is none.
    """
    for template in openapi()["paths"]:
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path):
            return str(template)
    raise Undescribed(path)


def check_answer(path: str, answer: Answer) -> None:
    """Check an answer to GET against the contract, by its path and status.

    Raises:
        Undescribed: it says something else.
    """
    responses = openapi()["paths"][template_of(path)]["get"]["responses"]
    described = responses.get(str(int(answer.status)))
    if described is None:
        raise Undescribed(f"{path}: {answer.status}")
    for name, header in described.get("headers", {}).items():
        if header.get("required") and name not in answer.headers:
            raise Undescribed(f"{path}: {answer.status} without {name}")
    if answer.status == HTTPStatus.NOT_MODIFIED:
        if answer.body:
            raise Undescribed(f"{path}: a body with {answer.status}")
        return
    media_type = answer.headers["Content-Type"].partition(";")[0]
    content = described["content"]
    if media_type not in content:
        raise Undescribed(f"{path}: {media_type}")
    body = answer.body.decode()
    value = body if media_type == "text/csv" else loads(body)
    error = best_match(Draft202012Validator(content[media_type]["schema"]).iter_errors(value))
    if error is not None:
        raise Undescribed(f"{path}: {list(error.absolute_path)} {error.message:.500}")
