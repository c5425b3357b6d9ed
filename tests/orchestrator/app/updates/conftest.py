"""What the tests of updates have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.app.updates.version_dirs import VersionDirs
from orchestrator.core.settings import Settings
from tests.databases import brought_up
from tests.orchestrator.app.updates.machines import ONE, WORKS, FakeNode, Machine, Source


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    settings = brought_up(Settings(home=tmp_path / "home", node_id="desk"))
    made = Machine(dirs=VersionDirs(tmp_path / "program"), settings=settings, source=Source())
    made.source.known = {ONE.tag: WORKS}
    made.dirs.prepare()
    made.go_to(ONE.tag)
    return made


@pytest.fixture
def node(machine: Machine) -> Iterator[FakeNode]:
    made = FakeNode(machine.settings, machine.dirs.prefix)
    yield made
    made.close()
