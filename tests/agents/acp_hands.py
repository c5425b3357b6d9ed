"""What do the real programs that speak the Agent Client Protocol do when their model asks for it?

`qwen` and `copilot` are known to the product. The others are tables as a fleet writes them, held here to the same.
"""

from __future__ import annotations

import json

from orchestrator.adapters.agents.acp.program import AcpProgram
from orchestrator.adapters.agents.acp.tables import acp_programs
from orchestrator.execution.programs.model_apis import ANTHROPIC, GEMINI, OPENAI
from orchestrator.ledger.config import fleet_toml
from tests.agents.hands import HANDS, Hands
from tests.agents.standin import Turn

OPENCODE = {
    "provider": {"anthropic": {"options": {"baseURL": "{ANTHROPIC_BASE_URL}/v1", "apiKey": "{ANTHROPIC_API_KEY}"}}},
    "permission": {"bash": "ask", "edit": "ask"},
    "autoupdate": False,
    "share": "disabled",
}
FLEET = f"""
[agents.acp-gemini]
command = ["gemini", "--acp", "--model", "{{model}}"]
apis = ["gemini"]
model = "gemini-2.5-pro"
mode = "default"
hidden = [".gemini"]

[agents.acp-opencode]
command = ["opencode", "acp"]
apis = ["anthropic"]
model = "anthropic/claude-sonnet-4-6"
mode = "build"
hidden = [".opencode", "opencode.json", "opencode.jsonc"]
environment = {{ OPENCODE_CONFIG_CONTENT = '{json.dumps(OPENCODE)}', OPENCODE_DISABLE_PROJECT_CONFIG = "1", \
OPENCODE_DISABLE_AUTOUPDATE = "1", OPENCODE_DISABLE_MODELS_FETCH = "1", OPENCODE_DISABLE_LSP_DOWNLOAD = "1" }}

[agents.acp-claude]
command = ["claude-agent-acp"]
apis = ["anthropic"]
model = "sonnet"
mode = "default"
hidden = [".claude", ".mcp.json"]
version = ["--version"]
environment = {{ CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION = "false" }}
"""
"""As it stands in a fleet's file."""
PROGRAMS: dict[str, AcpProgram] = {each.name: each for each in acp_programs(fleet_toml.read(FLEET.encode()).agents)}
ACP_HANDS: dict[str, Hands] = {
    "qwen": Hands(
        program=PROGRAMS["qwen"],
        besides=2,
        upstream=OPENAI,
        write=lambda path, text: Turn(tool="write_file", arguments={"file_path": path, "content": text}),
        shell=lambda line: Turn(
            tool="run_shell_command", arguments={"command": line, "description": "a line", "is_background": False}
        ),
    ),
    "copilot": Hands(
        program=PROGRAMS["copilot"],
        upstream=OPENAI,
        write=lambda path, text: Turn(tool="create", arguments={"path": path, "file_text": text}),
        shell=lambda line: Turn(
            tool="bash", arguments={"command": line, "description": "a line", "mode": "sync", "initial_wait": 30}
        ),
    ),
    "acp-gemini": Hands(
        program=PROGRAMS["acp-gemini"],
        upstream=GEMINI,
        write=HANDS["gemini"].write,
        shell=HANDS["gemini"].shell,
        command="gemini",
    ),
    "acp-opencode": Hands(
        program=PROGRAMS["acp-opencode"],
        upstream=ANTHROPIC,
        write=HANDS["opencode"].write,
        shell=HANDS["opencode"].shell,
        command="opencode",
    ),
    "acp-claude": Hands(
        program=PROGRAMS["acp-claude"],
        upstream=ANTHROPIC,
        write=HANDS["claude"].write,
        shell=HANDS["claude"].shell,
        command="claude-agent-acp",
    ),
}
