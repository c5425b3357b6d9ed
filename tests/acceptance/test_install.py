"""A user's installation, from the wheel alone: nothing of the checkout is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.nightly
def test_the_wheel_gives_a_working_demo(tmp_path: Path) -> None:
    """In an empty environment and an empty home the demo passes, with the model that it fetches on a word."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "SHIFTBOOK_", "LLM_"))}
    env = {**kept, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "PYTHONPATH": ""}

    def run(*words: str, seconds: float = 300) -> str:
        done = subprocess.run(
            words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path / "wheel"), str(ROOT))
    wheel = next((tmp_path / "wheel").glob("shiftbook-*.whl"))
    run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    run(str(tmp_path / "venv" / "bin" / "pip"), "install", "-q", str(wheel))
    told = json.loads(run(str(tmp_path / "venv" / "bin" / "shiftbook"), "demo", "--json", "--yes"))
    assert told["ok"], told
    assert not any("left out" in step["name"] for step in told["steps"]), told
