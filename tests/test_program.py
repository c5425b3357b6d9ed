"""Is what the fork server starts what `python -m orchestrator` would be?"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests import program


def environment(home: Path, **more: str) -> dict[str, str]:
    """What the commands here are run with."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SHIFTBOOK_", "FACTORY_"))}
    return kept | {"SHIFTBOOK_HOME": str(home), "SHIFTBOOK_NODE_ID": "desk", "SHIFTBOOK_HTTP": "off"} | more


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (("--version",), {}),
        (("no-such-verb",), {}),
        (("mission", "list"), {"SHIFTBOOK_SLOTS": "many"}),
        (("handoff", "check", "."), {}),
    ],
)
def test_both_ways_say_and_return_the_same(tmp_path: Path, words: tuple[str, ...], more: dict[str, str]) -> None:
    """Output, errors and exit codes, in a folder and with an environment of their own."""
    (tmp_path / "PROJECT_CONTEXT.md").write_text("# Context\n")
    env = environment(tmp_path / "home", **more)
    one, other = (program.run(*words, env=env, cwd=tmp_path, fresh=fresh) for fresh in (False, True))
    assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr)


def test_a_process_is_one_of_its_own_and_can_be_killed(tmp_path: Path) -> None:
    """It has a pid, a session and a folder; SIGKILL ends it at once, and that is what it ended with."""
    process = program.start("serve", env=environment(tmp_path / "home"), cwd=tmp_path, session=True)
    assert isinstance(process, program.Forked)
    assert str(Path(f"/proc/{process.pid}/cwd").readlink()) in {str(tmp_path), str(Path.cwd())}
    process.kill()
    assert process.wait(60) == process.poll() == -signal.SIGKILL
    assert not Path(f"/proc/{process.pid}").exists()


def test_waiting_has_an_end(tmp_path: Path) -> None:
    """What does not end in time is told as `subprocess` tells it; SIGTERM lets a server end by itself."""
    env = environment(tmp_path / "home", SHIFTBOOK_HTTP="127.0.0.1:0")
    process = program.start("serve", env=env, cwd=tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    record = tmp_path / "home" / "http.json"
    over = time.monotonic() + 60
    while not record.exists() and process.poll() is None and time.monotonic() < over:
        time.sleep(0.05)
    process.terminate()
    assert process.wait(60) == 0


def test_two_processes_do_not_share_their_chance(tmp_path: Path) -> None:
    """A fork that went on with its parent's random numbers would make the same names twice."""
    env = environment(tmp_path / "home")
    for name in "ab":
        done = program.run(
            "init", str(tmp_path / name), env=env | {"SHIFTBOOK_HOME": str(tmp_path / f"home-{name}")}, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
    keys = [(tmp_path / f"home-{name}" / "keys" / "node.pub").read_text() for name in "ab"]
    assert keys[0] != keys[1]
