"""Which agents' programs may this machine have?"""

from __future__ import annotations

from orchestrator.agents.aider import Aider
from orchestrator.agents.claude import Claude
from orchestrator.agents.codex import Codex
from orchestrator.agents.gemini import Gemini
from orchestrator.agents.opencode import OpenCode
from orchestrator.execution.programs.port import Program


def programs() -> tuple[Program, ...]:
    """All that are known, found here or not."""
    return Claude(), Codex(), Gemini(), OpenCode(), Aider()
