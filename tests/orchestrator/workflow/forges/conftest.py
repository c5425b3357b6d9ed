"""What do the tests of forges share?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledgers import Keys
from tests.orchestrator.workflow.forges.forge_scene import ForgeScene, forge_scene


@pytest.fixture
def scene(tmp_path: Path, keys: Keys) -> Iterator[ForgeScene]:
    """A fleet whose project is on a forge."""
    with forge_scene(tmp_path, keys) as made:
        yield made
