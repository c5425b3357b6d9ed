"""How is each program told of the servers of tools that it starts, and of what it may ask them without a question?"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from orchestrator.adapters.agents.claude import Claude
from orchestrator.adapters.agents.codex import Codex
from orchestrator.adapters.agents.opencode import OpenCode
from orchestrator.execution.programs.port import Launch, Program, RoundRequest, ToolServer

OURS = ToolServer(
    name="shiftbook", command=("/usr/bin/python3", "-I", 'a "b" ü.py'), tools=("recall", "ask"), seconds=90.0
)
THEIRS = ToolServer(name="docs", command=("docs-mcp",), environment={"DOCS": "a b"}, seconds=30.0)


def launched(program: Program, tmp: Path, *servers: ToolServer, tools: tuple[str, ...] | None = None) -> Launch:
    """A round with these servers."""
    home = tmp / "home"
    home.mkdir(exist_ok=True)
    return program.launch(RoundRequest(prompt="p", tree=tmp, home=home, servers=servers, tools=tools))


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, programs_on_path: Path) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "k")


def after(argv: tuple[str, ...], flag: str) -> str:
    """The word after a flag."""
    return argv[argv.index(flag) + 1]


def test_claude(tmp_path: Path) -> None:
    """The flag takes every word up to the next one, so another flag follows; its own tools stay what policy says."""
    found = launched(Claude(), tmp_path, OURS, THEIRS, tools=("read",))
    servers = json.loads(after(found.argv, "--mcp-config"))["mcpServers"]
    assert servers["shiftbook"]["args"] == list(OURS.command[1:])
    assert servers["docs"] == {"type": "stdio", "command": "docs-mcp", "args": [], "env": {"DOCS": "a b"}}
    assert found.argv[found.argv.index("--mcp-config") + 2].startswith("--")
    assert "--strict-mcp-config" in found.argv
    assert after(found.argv, "--tools") == "TodoWrite,Read"
    allowed = "TodoWrite,Read,mcp__shiftbook__recall,mcp__shiftbook__ask,mcp__docs"
    assert after(found.argv, "--allowedTools") == allowed
    assert found.environment["MCP_TOOL_TIMEOUT"] == "90000"
    plain = launched(Claude(), tmp_path)
    assert "--mcp-config" not in plain.argv
    assert "MCP_TOOL_TIMEOUT" not in plain.environment


def test_codex(tmp_path: Path) -> None:
    """As TOML that reads back as what was meant."""
    argv = launched(Codex(), tmp_path, OURS, THEIRS).argv
    settings = [argv[place + 1] for place, word in enumerate(argv) if word == "-c"]
    read = tomllib.loads("\n".join(line for line in settings if line.startswith("mcp_servers.")))["mcp_servers"]
    assert [read["shiftbook"]["command"], *read["shiftbook"]["args"]] == list(OURS.command)
    assert (read["shiftbook"]["enabled_tools"], read["shiftbook"]["tool_timeout_sec"]) == (["recall", "ask"], 90)
    assert read["shiftbook"]["required"] is True  # else it begins without a server that takes a second to start
    assert (read["docs"]["env"], "enabled_tools" in read["docs"]) == ({"DOCS": "a b"}, False)


def test_opencode(tmp_path: Path) -> None:
    """In the settings that its environment carries."""
    told = json.loads(launched(OpenCode(), tmp_path, OURS).environment["OPENCODE_CONFIG_CONTENT"])["mcp"]
    assert told["shiftbook"]["command"] == list(OURS.command)
    assert (told["shiftbook"]["type"], told["shiftbook"]["timeout"]) == ("local", 90_000)
