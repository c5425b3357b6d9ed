"""How is what a round asks a program for said in the types of the protocol, and under which ids may it ask back?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.adapters.agents.acp.permissions import MAX_ID_CHARS
from orchestrator.adapters.agents.acp.session_settings import SettingRequest
from orchestrator.execution.programs.port import ToolServer

if TYPE_CHECKING:
    from pydantic import BaseModel

MAX_NUMBER = 2**63
"""No id is as large as this: the protocol's are signed and have 64 bits."""


def initialize_request() -> BaseModel:
    """Which protocol is spoken, and what is offered: no files, no terminal."""
    from acp.meta import PROTOCOL_VERSION
    from acp.schema import ClientCapabilities, FileSystemCapabilities, Implementation, InitializeRequest

    none = FileSystemCapabilities(read_text_file=False, write_text_file=False)
    return InitializeRequest(
        protocol_version=PROTOCOL_VERSION,
        client_capabilities=ClientCapabilities(fs=none, terminal=False),
        client_info=Implementation(name="shiftbook", version="1"),
    )


def session_request(tree: str, session: str, servers: tuple[ToolServer, ...]) -> tuple[str, BaseModel]:
    """A new session in a folder, or one that is loaded, with its servers of tools: the method and its parameters."""
    from acp.schema import EnvVariable, LoadSessionRequest, McpServerStdio, NewSessionRequest

    told: list[Any] = [
        McpServerStdio(
            name=each.name,
            command=each.command[0],
            args=list(each.command[1:]),
            env=[EnvVariable(name=name, value=value) for name, value in each.environment.items()],
        )
        for each in servers
    ]
    if not session:
        return "session/new", NewSessionRequest(cwd=tree, mcp_servers=told)
    return "session/load", LoadSessionRequest(cwd=tree, mcp_servers=told, session_id=session)


def setting_request(session: str, one: SettingRequest) -> tuple[str, BaseModel]:
    """The method and its parameters."""
    from acp.schema import SetSessionConfigOptionSelectRequest, SetSessionModeRequest

    if not one.option:
        return "session/set_mode", SetSessionModeRequest(session_id=session, mode_id=one.value)
    chosen = SetSessionConfigOptionSelectRequest(session_id=session, config_id=one.option, value=one.value)
    return "session/set_config_option", chosen


def is_request_id(value: object) -> bool:
    """Whether a question can be answered under this id, which goes back as it came."""
    if isinstance(value, str):
        return len(value) <= MAX_ID_CHARS
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_NUMBER)
