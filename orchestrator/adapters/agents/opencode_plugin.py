"""How does opencode ask its node before it changes a file? By a plugin of the run, which runs the request's hook.

opencode shows its model nothing before a tool's result: what is said is added to that, or comes instead of it where the
call is held back. A call that fails has no hook after it, so what was said at one is lost to its model.
"""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.execution.programs.home_files import remove_home_file, write_home_file

PLUGIN_FILE = ".shiftbook/warnings.mjs"
OTHER_PLUGINS = tuple(
    f"{folder}/{name}"
    for folder in (".config/opencode", ".opencode")
    for name in ("plugin", "plugins", "opencode.json", "opencode.jsonc", "config.json")
)
"""Where it finds plugins in its home, which an earlier round may have left there."""
CHANGING_TOOLS = ("apply_patch", "edit", "multiedit", "write")
"""Its tools that change files."""
WAIT_MS = 10_000
_SOURCE = """\
import {{ execFile }} from "node:child_process"

const tools = new Set({tools})

function ask(said) {{
  return new Promise((resolve) => {{
    const child = execFile("/bin/sh", ["-c", {command}], {{ timeout: {wait} }}, (_error, told) => resolve(told))
    child.stdin.on("error", () => {{}})
    child.stdin.end(JSON.stringify(said))
  }})
}}

export const Warnings = async () => {{
  const open = new Map()
  return {{
    "tool.execute.before": async ({{ tool, callID }}, {{ args }}) => {{
      if (!tools.has(tool)) return
      const called = {{ hook_event_name: "PreToolUse", tool_name: tool, tool_input: args, tool_use_id: callID }}
      const told = await ask(called)
      const said = told ? JSON.parse(told).hookSpecificOutput : {{}}
      if (said.permissionDecision === "deny") throw new Error(said.permissionDecisionReason)
      if (said.additionalContext) open.set(callID, said.additionalContext)
    }},
    "tool.execute.after": async ({{ callID }}, result) => {{
      if (open.has(callID)) result.output += "\\n\\n" + open.get(callID)
      open.delete(callID)
    }},
  }}
}}
"""


def write_plugin(home: Path, command: str) -> str:
    """Writes the plugin for a run's hook, and takes away what else would be loaded; its address. Raises OSError."""
    for name in OTHER_PLUGINS:
        remove_home_file(home, name)
    source = _SOURCE.format(tools=json.dumps(CHANGING_TOOLS), command=json.dumps(command), wait=WAIT_MS)
    return write_home_file(home, PLUGIN_FILE, source).as_uri()
