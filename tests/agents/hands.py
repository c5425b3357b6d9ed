"""What does each real program do when its model asks for it: which of its tools, in which words?"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.adapters.agents.aider import Aider
from orchestrator.adapters.agents.claude import Claude
from orchestrator.adapters.agents.codex import Codex
from orchestrator.adapters.agents.gemini import Gemini
from orchestrator.adapters.agents.opencode import OpenCode
from orchestrator.execution.programs.model_apis import ANTHROPIC, GEMINI, OPENAI
from orchestrator.execution.programs.port import ModelApi, Program
from tests.agents.standin import Turn


@dataclass(frozen=True, kw_only=True)
class Hands:
    """A program. `write` creates a file (text without quotes and backslashes), `shell` runs a line; None: it cannot.

    `wide` says that it offers its model no tools, so that every call is one of its turns.
    """

    program: Program
    upstream: ModelApi
    write: Callable[[str, str], Turn]
    shell: Callable[[str], Turn] | None
    limited: Program | None = None
    """The same program with a limit of one turn, where it has such a limit."""
    forbidden: str = ""
    """A path that its own rules do not let it write; "" where it has none."""
    again: Turn | None = None
    """What makes one without a shell ask its model once more, for ever."""
    wide: bool = False
    besides: int = 0
    """How often it asks its model beside a turn, when that is over, and offers it tools all the same."""
    command: str = ""
    """What the program is called on PATH, where that is not the agent's name."""


def _codex(script: str) -> Turn:
    return Turn(tool="exec", free=True, arguments={"input": f"text(await {script});"})


def _patch(path: str, content: str) -> Turn:
    lines = "\n".join(f"+{line}" for line in content.splitlines())
    patch = f"*** Begin Patch\n*** Add File: {path}\n{lines}\n*** End Patch"
    return _codex(f"tools.apply_patch({json.dumps(patch)})")


def _edit(path: str, content: str) -> Turn:
    return Turn(text=f"I add it.\n\n{path}\n```\n<<<<<<< SEARCH\n=======\n{content}>>>>>>> REPLACE\n```\n")


HANDS = {
    "claude": Hands(
        program=Claude(),
        limited=Claude(turns=1),
        forbidden=".claude/settings.json",
        upstream=ANTHROPIC,
        write=lambda path, text: Turn(tool="Write", arguments={"file_path": path, "content": text}),
        shell=lambda line: Turn(tool="Bash", arguments={"command": line, "description": "a line"}),
    ),
    "codex": Hands(
        program=Codex(),
        upstream=OPENAI,
        write=_patch,
        shell=lambda line: _codex(f"tools.exec_command({{cmd: {json.dumps(line)}, yield_time_ms: 20000}})"),
    ),
    "gemini": Hands(
        program=Gemini(),
        limited=Gemini(turns=1),
        forbidden="../new.txt",
        upstream=GEMINI,
        write=lambda path, text: Turn(tool="write_file", arguments={"file_path": path, "content": text}),
        shell=lambda line: Turn(tool="run_shell_command", arguments={"command": line}),
    ),
    "opencode": Hands(
        program=OpenCode(),
        forbidden=".git/new.txt",
        upstream=ANTHROPIC,
        write=lambda path, text: Turn(tool="write", arguments={"filePath": path, "content": text}),
        shell=lambda line: Turn(tool="bash", arguments={"command": line, "description": "a line"}),
    ),
    "aider": Hands(
        program=Aider(),
        upstream=ANTHROPIC,
        write=_edit,
        shell=None,
        again=Turn(text="README.md\n```\n<<<<<<< SEARCH\nno such line\n=======\nx\n>>>>>>> REPLACE\n```\n"),
        wide=True,
    ),
}
