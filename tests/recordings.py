"""Where the recorded payloads are: beside the repository, not in it, since their licences forbid a copy here."""

from pathlib import Path
from typing import Any

import pytest

from shared.model.wire import loads

RECORDINGS = Path(__file__).parents[2] / "shared/market"


def recording(name: str) -> Path:
    """The file of that name under `../shared/market`; without it the test is skipped, and says so."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"no recording {name} in ../shared/market")
    return path


def recorded_json(name: str) -> Any:
    """A recorded answer as a source would read it, with exact decimals."""
    return loads(recording(name).read_bytes())
