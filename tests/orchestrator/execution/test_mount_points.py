"""Is nothing outside of the tree touched when the empty files for tests are taken out again?"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.execution import verification


@pytest.mark.parametrize(("linked", "goes"), [(False, True), (True, False)])
def test_no_link_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool, goes: bool) -> None:
    """What ran may have put a link in a folder's place. Nothing is removed here: what would be is written down."""
    removed = list[Path]()
    monkeypatch.setattr(Path, "unlink", lambda path, **_: removed.append(path))
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    tree.mkdir()
    outside.mkdir()
    (tree / "config").symlink_to(outside) if linked else (tree / "config").mkdir()
    (tree / "config" / ".env.test").touch()
    site: Any = SimpleNamespace(tree=tree, tools=SimpleNamespace(tested_with=((outside / "x", "config/.env.test"),)))
    verification._remove_mount_points(site)
    assert removed == ([tree / "config" / ".env.test"] if goes else [])
