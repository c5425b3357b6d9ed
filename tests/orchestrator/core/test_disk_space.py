"""How much disk is free."""

from __future__ import annotations

import shutil
from pathlib import Path

from orchestrator.core import disk_space
from orchestrator.ledger.config import fleet_toml


def test_a_folder_that_is_not_there_yet_is_on_the_disk_above_it(tmp_path: Path) -> None:
    """A home folder that will be made is asked about before it is."""
    assert disk_space.nearest_folder(tmp_path / "a" / "b") == tmp_path
    assert disk_space.free_bytes(tmp_path / "a" / "b") <= shutil.disk_usage(tmp_path).total


def test_an_attempt_is_not_begun_where_it_could_not_go_on() -> None:
    """The default of fleet.toml is what a run needs, and doctor warns before that."""
    default = fleet_toml.FleetConfig().workspaces.free_gib * disk_space.GIB
    assert default >= disk_space.MIN_FREE_BYTES_RUN
    assert default <= disk_space.MIN_FREE_BYTES_DOCTOR
