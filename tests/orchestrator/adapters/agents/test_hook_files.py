"""What the programs find in their home of a run's hook, and what they do not find there any more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.adapters.agents.acp.hook_files import HOOK_FILES
from orchestrator.adapters.agents.acp.tables import acp_programs
from orchestrator.adapters.agents.opencode import OpenCode
from orchestrator.adapters.agents.opencode_plugin import OTHER_PLUGINS, PLUGIN_FILE, write_plugin
from orchestrator.execution.programs.port import RoundRequest

HOOK = "/usr/bin/python3 'a \"b\" c.py' 2>/dev/null || :"


def test_opencode_is_given_no_plugin_that_an_earlier_round_left(tmp_path: Path) -> None:
    """It would load it; a link in the place of one is taken away and leads nowhere."""
    home, outside = tmp_path / "home", tmp_path / "outside.json"
    outside.write_text("mine")
    for name in OTHER_PLUGINS:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).symlink_to(outside)
    (home / PLUGIN_FILE).parent.mkdir()
    (home / PLUGIN_FILE).symlink_to(outside)
    assert write_plugin(home, HOOK) == (home / PLUGIN_FILE).as_uri()
    assert not [name for name in OTHER_PLUGINS if (home / name).exists()]
    assert outside.read_text() == "mine"
    assert json.dumps(HOOK) in (home / PLUGIN_FILE).read_text()


@pytest.mark.usefixtures("programs_on_path")
def test_a_project_gives_opencode_no_plugin_beside_ours(tmp_path: Path) -> None:
    """With a hook plugins are on: all places where a project has its own are hidden in the sandbox (test_hidden)."""
    found = OpenCode().launch(RoundRequest(prompt="x", tree=tmp_path, home=tmp_path, hook=HOOK))
    assert "--pure" not in found.argv
    assert {".opencode", "opencode.json", "opencode.jsonc"} <= set(found.hidden)


def test_the_programs_of_the_protocol_that_run_a_hook() -> None:
    """qwen and copilot, and none of a fleet's own, of which nobody knows how it would."""
    assert {each.name for each in acp_programs({}) if each.hook_files} == set(HOOK_FILES) == {"qwen", "copilot"}


@pytest.mark.parametrize("name", list(HOOK_FILES))
def test_the_files_of_a_hook_run_it(name: str) -> None:
    """As one word of JSON, whatever stands in it."""
    texts = HOOK_FILES[name](HOOK).values()
    assert all(json.loads(text) and json.dumps(HOOK) in text for text in texts)


def test_a_hook_never_fails() -> None:
    """As a line of a shell; and where there is none there is no line."""
    assert RoundRequest(prompt="", tree=Path(), home=Path(), hook="false").unfailing_hook == "false 2>/dev/null || :"
    assert RoundRequest(prompt="", tree=Path(), home=Path()).unfailing_hook == ""
