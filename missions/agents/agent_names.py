"""What are agents called in missions: those that everybody has, and a fleet's own? Agent names as field values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from missions.field_types import list_items, one_of

REVIEW = "review"
"""A task and its agent, who does the same whatever the file says: a node may ask for it, too."""
UPDATE_AGENT = "update"
"""Who has a node's program go to another release; an admin alone may ask."""
AUTO = "auto"
"""Whichever agent fits best: the node that takes the mission chooses, and says which and why."""
PAID_AGENTS = frozenset({"claude", "codex", "gemini", "opencode", "aider", "qwen", "copilot"})
LISTED_AGENTS = PAID_AGENTS | {"builtin"}
"""Agents of which a list may name several, to be tried in this order. A fleet's own may stand there, too."""
AGENTS = (
    *("builtin", "command", REVIEW, UPDATE_AGENT),
    *("claude", "codex", "gemini", "opencode", "aider", "qwen", "copilot", AUTO),
)
AGENT_SEPARATOR = ", "
MAX_AGENT_CHARS = 40
_OWN_AGENT = re.compile(r"acp-[a-z0-9]++(?:-[a-z0-9]++)*+")
_ONE_AGENT = one_of(AGENTS, "agent")


def is_own_agent(name: str) -> bool:
    """Whether an agent is called as those are that a fleet describes itself (`[agents.acp-NAME]` of `fleet.toml`)."""
    return len(name) <= MAX_AGENT_CHARS and _OWN_AGENT.fullmatch(name) is not None


def is_paid_agent(name: str) -> bool:
    """Whether an agent's work may cost money: it asks a model that is not this node's."""
    return name in PAID_AGENTS or is_own_agent(name)


def joined_agents(value: Any) -> Any:
    """A list of agents as one text; whatever else was written stays as it is."""
    found = list_items(value) if isinstance(value, list | tuple) else None
    if not found or not all(isinstance(each, str) for each in found):
        return value
    return AGENT_SEPARATOR.join(found)


def known_agents(value: str) -> str:
    """One agent, or several that can be chosen from. Raises ValueError."""
    if "," not in value:
        return _one_agent(value)
    found = listed_agents(each.strip() for each in value.split(",") if each.strip())
    if not found:
        raise ValueError("names no agent: write one, or several with commas between")
    return AGENT_SEPARATOR.join(dict.fromkeys(found))


def listed_agents(names: Iterable[str]) -> tuple[str, ...]:
    """Agents that may stand beside each other. Raises ValueError."""
    found = tuple(map(_one_agent, names))
    if bad := next((each for each in found if not (each in LISTED_AGENTS or is_own_agent(each))), ""):
        raise ValueError(f"{bad} cannot stand in a list: there {', '.join(sorted(LISTED_AGENTS))} can")
    return found


def _one_agent(value: str) -> str:
    """An agent that there is, or one as a fleet calls its own. Raises ValueError."""
    return value if is_own_agent(value) else str(_ONE_AGENT.made(value))
