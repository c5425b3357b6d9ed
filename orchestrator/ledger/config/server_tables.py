"""What does `fleet.toml` say of a project's servers of tools: what is started beside its agents, for which tools?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from missions.declared.declared_table import made_by
from missions.declared.value_rules import After, Limits
from orchestrator.ledger.config.agent_tables import own_variables, program_words
from orchestrator.ledger.config.policy_tables import FleetTomlTable

OWN_SERVER = "shiftbook"
"""The name of the server by which an agent asks its fleet."""
SERVER = re.compile(r"[a-z][a-z0-9]{0,30}", re.ASCII)
"""What a server can be called: programs make the names of its tools of it, each with other letters in between."""
TOOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", re.ASCII)
MAX_SERVERS = 8
Text = Annotated[str, Limits(max_length=1000)]


def _tools(value: tuple[str, ...]) -> tuple[str, ...]:
    if bad := next((name for name in value if not TOOL.fullmatch(name)), None):
        raise ValueError(f"{bad!r} is no name of a tool")
    return value


class ServerPart(FleetTomlTable):
    """`[projects.NAME.mcp.SERVER]`. It is started in the sandbox of a run, with what that sees, and has no network."""

    command: Annotated[tuple[Text, ...], Limits(min_length=1, max_length=40), After(program_words)]
    environment: Annotated[dict[str, Text], Limits(max_length=40), After(own_variables)] = made_by(factory=dict)
    tools: Annotated[tuple[str, ...], Limits(max_length=100), After(_tools)] = ()
    """What agents may ask it for; empty: all that it has."""


def check_servers(servers: Mapping[str, ServerPart]) -> None:
    """Each has a name that a program can make names of. Raises ValueError."""
    if len(servers) > MAX_SERVERS:
        raise ValueError(f"mcp: {len(servers)} servers are more than {MAX_SERVERS}")
    for name in servers:
        if name == OWN_SERVER or not SERVER.fullmatch(name):
            raise ValueError(f"mcp: {name!r}: write a name of small letters and digits that is not {OWN_SERVER}")
