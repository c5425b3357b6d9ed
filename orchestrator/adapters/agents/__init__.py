"""Which agents' programs may this machine have?"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.adapters.agents.acp.tables import acp_programs
from orchestrator.adapters.agents.aider import Aider
from orchestrator.adapters.agents.claude import Claude
from orchestrator.adapters.agents.codex import Codex
from orchestrator.adapters.agents.gemini import Gemini
from orchestrator.adapters.agents.opencode import OpenCode
from orchestrator.execution.programs.port import Program
from orchestrator.ledger.config.agent_tables import AgentPart

NO_TABLES: Mapping[str, AgentPart] = {}


def programs(tables: Mapping[str, AgentPart] = NO_TABLES) -> tuple[Program, ...]:
    """All that are known, found here or not, with those that the fleet describes in `tables`."""
    return Claude(), Codex(), Gemini(), OpenCode(), Aider(), *acp_programs(tables)
