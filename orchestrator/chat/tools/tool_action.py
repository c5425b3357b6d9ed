"""What is a call of a tool as the journal knows actions: a command line, or the path of a file that is changed?"""

from __future__ import annotations

from orchestrator.chat.tools.tool import ToolRequest


def action_of(call: ToolRequest) -> str:
    """The action; "" for what only looks, and for a call that cannot be read."""
    given = call.arguments
    name = {"shell": "line", "run": "code", "write": "path"}.get(call.tool, "")
    if name:
        return str(given.get(name) or "")
    if call.tool == "git" and given.get("verb"):
        paths = given.get("paths")
        named = "".join(f" {path}" for path in paths) if isinstance(paths, list) else ""
        return f"git {given['verb']}{named}"
    return ""
