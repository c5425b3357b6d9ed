from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleets import Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A fleet of nothing yet; every process that it starts is gone afterwards."""
    made = Fleet(tmp_path)
    yield made
    made.close()
