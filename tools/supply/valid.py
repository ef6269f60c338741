"""Holds bills of materials against CycloneDX's schema. It runs in the environment of `requirements.txt`.

It reads `{"name": bill}` and prints a line for each fault: the name, where, and what is wrong.
"""

import json
import sys
from importlib.resources import files

import jsonschema_rs

SCHEMAS = files("cyclonedx.schema._res")
REFERRED_TO = ("spdx", "jsf-0.82", "cryptography-defs")


def main() -> None:
    """Print the faults of the bills on standard input."""
    others = [(f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", schema(name)) for name in REFERRED_TO]
    registry = jsonschema_rs.Registry(others)
    for name, bill in json.load(sys.stdin).items():
        wanted = schema(f"bom-{bill['specVersion']}")
        for fault in jsonschema_rs.validator_for(wanted, registry=registry, validate_formats=True).iter_errors(bill):
            place = "/".join(map(str, fault.instance_path))
            print(f"{name}: {place}: {fault.message}")


def schema(name: str) -> object:
    """Return a schema that comes with CycloneDX's library."""
    return json.loads((SCHEMAS / f"{name}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
