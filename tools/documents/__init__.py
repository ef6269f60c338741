"""Programs by others that read the documents or their contract: pandas, schemathesis, openapi-spec-validator.

They need packages of their own, so they have an environment under `.local`.
"""

from pathlib import Path

from tools.environments import python_with

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def python_of_readers() -> Path:
    """Return the Python of that environment; make it if it is missing or its requirements changed.

    Raises:
        RuntimeError: uv could not install them.
    """
    return python_with("documents", REQUIREMENTS)
