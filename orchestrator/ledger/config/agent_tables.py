"""What does `fleet.toml` say of agents: which programs of the Agent Client Protocol are started, and how; who may ask?

A mission's author only names an agent. Which program that is, an admin alone says, for this file counts only as an
admin signed it; and where it lies is said by the node's PATH, never by the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from missions.agents.agent_names import is_own_agent
from missions.declared.declared_table import made_by
from missions.declared.value_rules import After, Before, Limits
from orchestrator.core.ports.run_desk import BRIDGE_TOOLS, BridgeToolName
from orchestrator.ledger.config.policy_tables import FleetTomlTable

BUILT_IN_AGENTS = frozenset({"qwen", "copilot"})
"""Agents whose table is known: what `fleet.toml` says of one replaces what is known, key by key."""
BRIDGED_AGENTS = frozenset({"claude", "codex", "opencode"})
"""Agents that this program starts in ways of its own, and that start servers of tools: of these a table says the bridge
alone. gemini starts none in a folder that is not trusted, and aider knows none."""
PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}", re.ASCII)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
VERSION_WORD = re.compile(r"-{1,2}version|-[vV]|version", re.ASCII)
"""What a program may be asked with: it is asked outside the sandbox, so with nothing that does anything else."""
NODES_OWN = re.compile(r"(?i)PATH|HOME|(?:https?|no|all)_proxy|LD_.*|SHIFTBOOK_.*|(?:ANTHROPIC|OPENAI|GEMINI)_API_KEY")
"""Variables that a run is given by its node: the way out, what is found where, and what stands for a key."""
MODEL_APPROVES = frozenset({"auto", "agent"})
"""What modes are called in which a model says what may be done: seen with qwen and claude-agent-acp, and codex-acp."""
NEEDED = ("command", "apis", "model")
"""Keys without which there is no agent."""
RULE_FILES = Literal["AGENTS.md", "CLAUDE.md"]


def program_words(value: tuple[str, ...]) -> tuple[str, ...]:
    """A command line that begins with the name of a program. Raises ValueError."""
    if value and not PROGRAM.fullmatch(value[0]):
        raise ValueError(f"write the name of a program as it is on a node's PATH, not {value[0]!r}")
    if bad := next((word for word in value if not word.isprintable()), None):
        raise ValueError(f"{bad!r} is no word of a command line")
    return value


def _version_words(value: tuple[str, ...]) -> tuple[str, ...]:
    if bad := next((word for word in value if not VERSION_WORD.fullmatch(word)), None):
        raise ValueError(f"write what the program is asked with: --version, -version, version, -v or -V, not {bad!r}")
    return value


def _bridge_tools(value: Any) -> Any:
    return (BRIDGE_TOOLS if value else ()) if isinstance(value, bool) else value


def _shown(value: str) -> str:
    if not value.isprintable():
        raise ValueError(f"{value!r} has letters that cannot be shown")
    return value


def _options(value: dict[str, str]) -> dict[str, str]:
    if own := sorted({"mode", "model"} & value.keys()):
        raise ValueError(f"its {own[0]} is said by {own[0]} = alone")
    return value


def own_variables(value: dict[str, str]) -> dict[str, str]:
    """Variables that are not the node's to say. Raises ValueError."""
    for name, text in value.items():
        if not VARIABLE.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a variable")
        if NODES_OWN.fullmatch(name):
            raise ValueError(f"{name} is said by the node, and not here")
        if not text.isprintable():
            raise ValueError(f"{name} has letters that cannot be shown")
    return value


def _mode(value: str) -> str:
    if value in MODEL_APPROVES:
        raise ValueError(f"in the mode {value!r} a model says what may be done: name one that asks")
    return value


def _hidden(value: tuple[str, ...]) -> tuple[str, ...]:
    for path in value:
        if {"", ".", "..", ".git"} & set(path.split("/")) or not path.isprintable():
            raise ValueError(f"write a path in the project, such as .qwen, not {path!r}")
    return value


Text = Annotated[str, Limits(max_length=1000)]
ShortText = Annotated[str, Limits(max_length=200)]


class AgentPart(FleetTomlTable):
    """`[agents.acp-NAME]`. In `command` and in values of `environment`, `{model}` stands for the model, and `{NAME}`
    for a variable by which a run finds a model's API (`{OPENAI_BASE_URL}`), or for what stands for its key."""

    command: Annotated[tuple[Text, ...], Limits(max_length=40), After(program_words)] = ()
    apis: Annotated[tuple[Literal["anthropic", "openai", "gemini"], ...], Limits(max_length=3)] = ()
    """The models' APIs that it may call; the node needs the key of one, and it can call those whose keys there are."""
    model: Annotated[ShortText, After(_shown)] = ""
    mode: Annotated[ShortText, After(_mode)] = ""
    """The session mode that is set, where it has modes."""
    login: ShortText = ""
    """How it is told to log in (`authMethods` of the protocol), where it wants that."""
    options: Annotated[dict[ShortText, ShortText], Limits(max_length=20), After(_options)] = made_by(factory=dict)
    """Its session options that are set besides; none that is its mode or its model."""
    environment: Annotated[dict[str, Text], Limits(max_length=40), After(own_variables)] = made_by(factory=dict)
    hidden: Annotated[tuple[ShortText, ...], Limits(max_length=20), After(_hidden)] = ()
    """Paths of a project that it is shown empty, because it would do what stands there."""
    reads: tuple[RULE_FILES, ...] = ()
    """A project's rules that it reads itself; the others are in the prompt."""
    version: Annotated[tuple[ShortText, ...], Limits(min_length=1, max_length=1), After(_version_words)] = (
        "--version",
    )
    """What it is asked with for its version: one word."""
    install: ShortText = ""
    """What a person types to install it."""
    bridge: Annotated[tuple[BridgeToolName, ...], Before(_bridge_tools)] = BRIDGE_TOOLS
    """What it may ask its fleet while it works, by a server of tools that the node answers; `true` and `false` are all
    and nothing."""


def check_agents(agents: Mapping[str, AgentPart]) -> None:
    """Each has a name that can be its own, and says what nobody knows otherwise. Raises ValueError."""
    for name, part in agents.items():
        if name in BRIDGED_AGENTS:
            if other := sorted(part.model_fields_set - {"bridge"}):
                raise ValueError(f"agents.{name} says its bridge alone, and not its {other[0]}")
            continue
        known_one = name in BUILT_IN_AGENTS
        if not known_one and not is_own_agent(name):
            known = " and ".join(sorted(BUILT_IN_AGENTS))
            raise ValueError(f"agents: {name!r}: a fleet's own agent is called acp-NAME; {known} have a table, too")
        said = part.model_fields_set if known_one else NEEDED  # of a known one the rest is known
        if lacks := [key for key in NEEDED if key in said and not getattr(part, key)]:
            raise ValueError(f"agents.{name} says nothing of its {lacks[0]}")
