"""A mission for each real program, pushed with plain git, through a real node process, to a person's approval."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleets import Fleet
from tests.agents.conftest import CACHE
from tests.agents.hands import HANDS
from tests.agents.standin import ModelApi, Turn
from tests.conftest import lacking

NODE_KEY = "the-key-of-the-node"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A fleet of nothing yet; every process that it starts is gone afterwards."""
    made = Fleet(tmp_path)
    yield made
    made.close()


DAILY = ("claude", "codex")
"""The others: `make nightly`, which starts every one of them. `make test` starts these two, here and in
`test_programs.py`, and reads what each of all says (`test_reading.py`)."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in DAILY else pytest.mark.nightly) for n in HANDS])
def test_from_a_push_to_a_merge(fleet: Fleet, api: ModelApi, name: str) -> None:
    """The node runs the program, tests its work and lets it wait; the approval merges it; cost and memo are told."""
    hands = HANDS[name]
    if not (CACHE / "bin" / name).exists():
        lacking(f"{name} is not installed: .ci/agents does it")
    turns = [hands.write("new.txt", "right\n"), Turn(text="It is written.")]
    api.play(*(turns[:1] if hands.wide else turns), all_count=hands.wide)
    fleet.found("desk")
    server = fleet.folder / "shop.git"
    fleet.git("init", "--quiet", "--bare", "--initial-branch=main", str(server))
    fleet.git("clone", "--quiet", str(server), str(fleet.folder / "shop"))
    (fleet.folder / "shop" / "README.md").write_text("# Shop\n", encoding="utf-8")
    for words in (("add", "--all"), ("commit", "--quiet", "-m", "first"), ("push", "--quiet", "origin", "HEAD:main")):
        fleet.git(*words, folder=fleet.folder / "shop")
    toml = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    project = f'\n[projects.shop]\nurl = "{server}"\ntest = "grep -q right new.txt"\non_approval = "merge"\n'
    mission = f"---\nproject: shop\ntask: coding_task\nagent: {name}\n---\nWrite new.txt.\n"
    fleet.commit({"fleet.toml": toml + project, "missions/new.md": mission})
    own = {hands.upstream.key: NODE_KEY, hands.upstream.base: api.url + hands.upstream.path}
    own["PATH"] = f"{CACHE / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = fleet.run("node", "run", "--once", node="desk", **own)
    assert done.returncode == 0, done.stderr
    shown = fleet.show("new")
    assert shown["status"] == "review", shown["text"]
    assert "the project's tests passed" in shown["text"]
    assert re.search(rf"\b{name}\b[^\n]*\d+\.\d+", shown["text"]), shown["text"]  # the program and its version
    assert NODE_KEY not in shown["text"] + shown["diff"] + shown["output"]
    fleet.shiftbook("mission", "approve", "new", node="desk")
    assert fleet.git("show", "main:new.txt", folder=server).strip() == "right"
    trailers = fleet.git("log", "--format=%B", "main", folder=server)
    assert f"Shiftbook-Agent: {name}" in trailers
