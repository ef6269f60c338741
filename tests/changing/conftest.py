"""The copy that each test changes."""

from pathlib import Path

import pytest

from tests.changing.copies import Copy


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "copy")
