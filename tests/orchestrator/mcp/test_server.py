"""Does anything reach an agent outside with a secret in it, whichever tool answers and however it fails?"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.core.errors import Refused
from orchestrator.mcp.server import READ_ANNOTATIONS, McpServer
from tests.architecture.sources import MODULES, ROOT

TOKEN = "ghp_" + "a1B2" * 9


def told(name: str) -> dict[str, Any]:
    """One field within another."""
    return {"name": name, "memo": {"lessons": [f"the token is {TOKEN}", 7]}, "diff": f"+token = {TOKEN}\n"}


def rows() -> list[dict[str, Any]]:
    """A list."""
    return [{"reason": f"pushed with {TOKEN}"}]


async def later() -> str:
    """A text, after a while."""
    await asyncio.sleep(0)
    return f"clone https://x:{TOKEN}@example.com"


def refused() -> str:
    """An error in words."""
    raise Refused(f"git says: {'x' * 1990} {TOKEN}")


@pytest.mark.parametrize("tool", [told, rows, later, refused])
def test_no_secret_leaves(tool: Callable[..., Any]) -> None:
    """In no part of an answer: neither as data, nor as the text that stands for it, nor in an error."""
    server = McpServer("shiftbook")
    server.offer(tool, READ_ANNOTATIONS)
    given = {"name": "m"} if tool is told else {}
    try:
        answer = repr(asyncio.run(server.call_tool(tool.__name__, given)))
    except Exception as error:
        answer = repr(error)
    assert TOKEN[:12] not in answer
    assert "[redacted:" in answer or "…" in answer


def test_a_tool_keeps_its_signature() -> None:
    """An agent reads what each parameter is."""
    server = McpServer("shiftbook")
    server.offer(told, READ_ANNOTATIONS)
    (listed,) = asyncio.run(server.list_tools())
    assert listed.input_schema["required"] == ["name"]
    assert listed.description == "One field within another."


def test_nobody_goes_round_it() -> None:
    """A tool is added in one place alone, which redacts what it answers."""
    adders = [
        f"{path.relative_to(ROOT)}:{function.name}"
        for path in MODULES
        if "mcp" in path.parts
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Attribute) and call.attr in {"add_tool", "add_resource", "add_prompt", "tool"}
    ]
    assert adders == ["orchestrator/mcp/server.py:offer"]
