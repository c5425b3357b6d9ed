"""The README's own words, typed by somebody new."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.model
def test_a_first_fleet_works_word_for_word(tmp_path: Path, embedded: object) -> None:
    """Every line of "Your own fleet" succeeds for a person whose home folder is empty; only the port is another one."""
    port = free_port()
    block = "".join(block for block in BLOCKS if "shiftbook " in block).replace("8823", str(port))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "SHIFTBOOK_", "FACTORY_"))}
    env = kept | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "PWD": str(ROOT)}
    env["SHIFTBOOK_HTTP"] = f"127.0.0.1:{port}"
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Attempt 1 · done" in done.stdout
    assert "serving at http://127.0.0.1:" in done.stderr
    assert "· done ·" in done.stdout
    for word in ('"status":"ok"', '"conversation_id"', "event: done", '"battery":80', '"text":"hi"'):
        assert word in done.stdout, done.stdout
    archived = list((tmp_path / "fleet" / "missions" / "archive").rglob("hello.md"))
    assert len(archived) == 1


def test_the_two_commands_are_targets() -> None:
    """`make demo` and `make test` are what the Makefile offers."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in re.findall(r"^make (\w+)", "\n".join(BLOCKS), re.MULTILINE):
        assert f"\n{words}:" in makefile
