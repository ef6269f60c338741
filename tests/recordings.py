"""The recorded payloads: they are beside the repository because their licences forbid a copy in it."""

from pathlib import Path
from typing import Any

import pytest

from shared.model.wire import loads

RECORDINGS = Path(__file__).parents[2] / "shared/market"


def recording(name: str) -> Path:
    """Return the file of that name under `../shared/market`; skip the test with a message if it is missing."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"no recording {name} in ../shared/market")
    return path


def recorded_json(name: str) -> Any:
    """Return a recorded answer as a source reads it, with exact decimals."""
    return loads(recording(name).read_bytes())
