"""Which agents' programs may this machine have?"""

from __future__ import annotations

from orchestrator.adapters.agents.aider import Aider
from orchestrator.adapters.agents.claude import Claude
from orchestrator.adapters.agents.codex import Codex
from orchestrator.adapters.agents.gemini import Gemini
from orchestrator.adapters.agents.opencode import OpenCode
from orchestrator.execution.programs.port import Program


def programs() -> tuple[Program, ...]:
    """All that are known, found here or not."""
    return Claude(), Codex(), Gemini(), OpenCode(), Aider()
