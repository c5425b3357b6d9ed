"""Where the programs are not installed: files of their names. These tests only want to know how they would be begun."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.execution.programs.install_lines import INSTALL_LINES


@pytest.fixture
def programs_on_path(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the end of PATH with a stand-in for each program; one that is installed is found before it."""
    folder = tmp_path_factory.mktemp("programs")
    for name in INSTALL_LINES:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{folder}")
    return folder
