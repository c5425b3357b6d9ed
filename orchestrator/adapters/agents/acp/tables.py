"""Which programs are spoken to by the Agent Client Protocol: the known ones, and those of a fleet's own tables?"""

from __future__ import annotations

from collections.abc import Mapping

from missions.agents.agent_names import is_own_agent
from orchestrator.adapters.agents.acp.hook_files import HOOK_FILES
from orchestrator.adapters.agents.acp.program import AcpProgram
from orchestrator.execution.programs.install_lines import INSTALL_LINES
from orchestrator.ledger.config.agent_tables import AgentPart

BUILT_IN_TABLES: Mapping[str, AgentPart] = {
    "qwen": AgentPart(
        command=("qwen", "--acp"),
        apis=("openai",),
        model="qwen3-coder-plus",
        mode="default",
        environment={"OPENAI_MODEL": "{model}", "QWEN_USAGE_STATISTICS_ENABLED": "false"},
        hidden=(".qwen",),
        reads=("AGENTS.md",),
        install=INSTALL_LINES["qwen"],
    ),
    "copilot": AgentPart(
        command=("copilot", "--acp"),
        apis=("openai",),
        model="gpt-5.2",
        mode="https://agentclientprotocol.com/protocol/session-modes#agent",
        options={"allow_all": "off"},
        environment={
            "COPILOT_PROVIDER_TYPE": "openai",
            "COPILOT_PROVIDER_BASE_URL": "{OPENAI_BASE_URL}",
            "COPILOT_PROVIDER_API_KEY": "{OPENAI_API_KEY}",
            "COPILOT_MODEL": "{model}",
            "COPILOT_OFFLINE": "true",
            "COPILOT_AUTO_UPDATE": "false",
        },
        hidden=(".github/hooks", ".github/copilot", ".github/extensions", ".github/mcp.json", ".mcp.json", ".vscode"),
        reads=("AGENTS.md", "CLAUDE.md"),
        install=INSTALL_LINES["copilot"],
    ),
}
"""Seen with qwen 0.24.4 and copilot 1.0.102 (`tests/agents/test_acp_programs.py`)."""
ASKING_IN_BASH = frozenset({"qwen"})
"""Those that give `bash -c` just the command line that they tell of. copilot writes its lines into an open shell."""


def acp_programs(tables: Mapping[str, AgentPart]) -> tuple[AcpProgram, ...]:
    """All of them, found here or not. What a fleet says of a known one replaces what is known, key by key."""
    own = {name: part for name, part in tables.items() if is_own_agent(name)}
    known = {name: _replaced(part, tables.get(name)) for name, part in BUILT_IN_TABLES.items()}
    return tuple(
        AcpProgram(name=name, table=part, asks_in_bash=name in ASKING_IN_BASH, hook_files=HOOK_FILES.get(name))
        for name, part in (*known.items(), *own.items())
    )


def _replaced(part: AgentPart, said: AgentPart | None) -> AgentPart:
    if said is None:
        return part
    return part.model_copy(update={name: getattr(said, name) for name in said.model_fields_set})
