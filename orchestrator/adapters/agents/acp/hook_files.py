"""By which files of a run's home does a program of the Agent Client Protocol ask its node before it acts?

The protocol asks for permissions, which is no way to say anything to a model: so these are the programs' own hooks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

HookFiles = Callable[[str], Mapping[str, str]]
"""Takes the command line of a hook; returns texts by their paths in the home."""
HOOK_SECONDS = 10


def qwen_hooks(command: str) -> dict[str, str]:
    """Before each change of a file and after it: only then qwen tells its model. At commands its bash asks."""
    hook = {"type": "command", "command": command, "timeout": HOOK_SECONDS * 1000}
    matched = [{"matcher": "^(edit|notebook_edit|write_file)$", "hooks": [hook]}]
    return {".qwen/settings.json": json.dumps({"hooks": dict.fromkeys(("PreToolUse", "PostToolUse"), matched)})}


def copilot_hooks(command: str) -> dict[str, str]:
    """Before each call. Under this name of the hook copilot says of it what claude says, and not under its own."""
    hook = {"type": "command", "command": command, "timeout": HOOK_SECONDS}
    return {".copilot/hooks/shiftbook.json": json.dumps({"version": 1, "hooks": {"PreToolUse": [{"hooks": [hook]}]}})}


HOOK_FILES: Mapping[str, HookFiles] = {"qwen": qwen_hooks, "copilot": copilot_hooks}
