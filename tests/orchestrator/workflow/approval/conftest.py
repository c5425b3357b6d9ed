"""What do the tests of deciding share?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ledgers import Keys
from tests.orchestrator.workflow.approval.scene import Scene


@pytest.fixture
def scenes(tmp_path: Path, keys: Keys) -> Iterator[Callable[..., Scene]]:
    """Makes scenes, and lets go of them."""
    made: list[Scene] = []

    def make(**settings: object) -> Scene:
        made.append(Scene(tmp_path / f"scene-{len(made)}", keys, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for scene in made:
        scene.close()


@pytest.fixture
def scene(scenes: Callable[..., Scene]) -> Scene:
    """A project that wants approved work merged, and no rule that lets anything pass."""
    return scenes()
